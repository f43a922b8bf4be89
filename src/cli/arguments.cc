// The only file that knows CLI11.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <list>

#include "base/encoding.h"
#include "base/nearest.h"
#include "cli/verb.h"

namespace vigie::cli {
namespace {

// What CLI11 writes into while it parses one verb.
struct Slots {
  const VerbSpec* verb = nullptr;
  CLI::App* app = nullptr;
  std::list<std::pair<std::string, std::string>> operands;  // a list: CLI11 keeps references
  std::list<std::pair<std::string, std::string>> options;
  std::list<std::pair<std::string, bool>> flags;
};

struct Common {
  std::string config;
  std::string output = "table";
};

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return parts;
}

void add_option(Slots& slots, const OptionSpec& spec) {
  if (spec.value_name.empty()) {
    auto& flag = slots.flags.emplace_back(spec.name, false);
    slots.app->add_flag(flag.first, flag.second, std::string(spec.help));
    return;
  }
  auto& value = slots.options.emplace_back(spec.name, "");
  CLI::Option* option = slots.app->add_option(value.first, value.second, std::string(spec.help));
  option->type_name(std::string(spec.value_name))->required(spec.required);
  if (!spec.choices.empty()) option->check(CLI::IsMember(split(spec.choices, '|')));
}

void add_operand(Slots& slots, const OperandSpec& spec) {
  auto& value = slots.operands.emplace_back(spec.name, "");
  slots.app->add_option(value.first, value.second, std::string(spec.help))
      ->required(spec.required)
      ->type_name("");
}

void add_common(CLI::App& app, Common& common) {
  app.add_option("-c,--config", common.config,
                 "Configuration; else /etc/vigie/vigie.yaml, else ./vigie.yaml")
      ->type_name("FILE");
  app.add_option("-o,--output", common.output, "How to answer")
      ->check(CLI::IsMember({"table", "json", "jsonl"}))
      ->type_name("table|json|jsonl");
}

// "backup run": the app of "backup" is made when its first verb comes.
CLI::App* noun_app(CLI::App& root, const std::string& word) {
  const auto found = root.get_subcommands([&](CLI::App* app) { return app->get_name() == word; });
  if (!found.empty()) return found.front();
  CLI::App* app = root.add_subcommand(word);
  app->require_subcommand(1);
  return app;
}

CLI::App* verb_app(CLI::App& root, const VerbSpec& verb) {
  const auto words = split(verb.name, ' ');
  CLI::App* parent = words.size() > 1 ? noun_app(root, words[0]) : &root;
  CLI::App* app = parent->add_subcommand(words.back(), std::string(verb.summary));
  app->description(fmt::format("Examples:\n{}\n{}", verb.examples, verb.summary));
  return app;
}

Output output_named(std::string_view name) {
  if (name == "json") return Output::json;
  return name == "jsonl" ? Output::jsonl : Output::table;
}

Arguments collect(const Slots& slots, const Common& common) {
  Arguments arguments;
  arguments.verb = slots.verb;
  arguments.config = common.config;
  arguments.output = output_named(common.output);
  for (const auto& [name, value] : slots.operands) arguments.operands[name] = value;
  for (const auto& [name, value] : slots.options) {
    if (slots.app->count(name) > 0) arguments.options[name] = value;
  }
  for (const auto& [name, set] : slots.flags) {
    if (set) arguments.options[name] = "true";
  }
  return arguments;
}

std::string overview(std::span<const VerbSpec> verbs) {
  std::string text =
      "Vigie proves that your PostgreSQL backups can be trusted, and keeps the evidence.\n\n"
      "Examples:\n"
      "  vigie check-config -c vigie.yaml      every mistake of the configuration at once\n"
      "  vigie backup run nightly              take, seal and verify a backup now\n"
      "  vigie backup list                     what there is, and how it was verified\n"
      "  vigie serve                           the daemon: schedules, status, HTTP\n\n"
      "Verbs:\n";
  for (const VerbSpec& verb : verbs) text += fmt::format("  {:<18} {}\n", verb.name, verb.summary);
  return text +
         "\nvigie VERB --help says more about one. Exit status: 0 good, 1 bad, 2 usage, 3 could "
         "not verify,\n"
         "4 not authorised, 5 busy, 6 a dependency does not answer, 130 interrupted.\n";
}

// The names among which the first word that is wrong had to be; empty when none is.
struct Stray {
  std::string word;
  std::vector<std::string> candidates;
};

std::optional<Stray> stray_word(int argc, const char* const* argv,
                                std::span<const VerbSpec> verbs) {
  Stray stray;
  std::string noun;  // with its blank, once the first word was one
  for (int i = 1; i < argc && i <= 2 && argv[i][0] != '-'; ++i) {
    stray = {argv[i], {}};
    bool is_verb = false;
    for (const VerbSpec& verb : verbs) {
      if (!verb.name.starts_with(noun)) continue;
      const std::string_view rest = verb.name.substr(noun.size());
      stray.candidates.emplace_back(rest.substr(0, rest.find(' ')));
      is_verb = is_verb || rest == stray.word;
    }
    if (is_verb) return std::nullopt;
    if (std::ranges::find(stray.candidates, stray.word) == stray.candidates.end()) return stray;
    noun = stray.word + " ";
  }
  return std::nullopt;
}

Parsed unknown_verb(const Stray& stray) {
  const std::string nearest = nearest_name(stray.word, stray.candidates);
  return {std::nullopt,
          fmt::format("vigie: there is no verb {}.{}\nvigie --help lists the verbs.\n",
                      printable(stray.word, 64),
                      nearest.empty() ? "" : fmt::format(" Did you mean {}?", nearest)),
          2};
}

// The verbs of one noun.
std::string noun_help(std::string_view noun, std::span<const VerbSpec> verbs) {
  std::string examples;
  std::string list;
  for (const VerbSpec& verb : verbs) {
    if (!verb.name.starts_with(fmt::format("{} ", noun))) continue;
    examples += verb.examples;
    list += fmt::format("  {:<18} {}\n", verb.name, verb.summary);
  }
  return fmt::format("Examples:\n{}\nVerbs:\n{}\nvigie {} VERB --help says more about one.\n",
                     examples, list, noun);
}

Parsed usage_error(const CLI::ParseError& error, const CLI::App& app) {
  return {std::nullopt,
          fmt::format("vigie: {}\n{}", error.what(),
                      app.get_subcommands().empty() ? "vigie --help lists the verbs.\n"
                                                    : "Add --help to see what it takes.\n"),
          2};
}

}  // namespace

std::optional<std::string> Arguments::option(std::string_view name) const {
  const auto found = options.find(name);
  return found == options.end() ? std::nullopt : std::optional(found->second);
}

std::string Arguments::operand(std::string_view name) const {
  const auto found = operands.find(name);
  return found == operands.end() ? "" : found->second;
}

Parsed parse_arguments(int argc, const char* const* argv, std::span<const VerbSpec> verbs) {
  CLI::App root("", "vigie");
  root.require_subcommand(1);
  Common common;
  std::list<Slots> all;
  for (const VerbSpec& verb : verbs) {
    Slots& slots = all.emplace_back();
    slots.verb = &verb;
    slots.app = verb_app(root, verb);
    for (const OperandSpec& operand : verb.operands) add_operand(slots, operand);
    for (const OptionSpec& option : verb.options) add_option(slots, option);
    add_common(*slots.app, common);
  }
  const std::string_view first = argc > 1 ? argv[1] : "--help";
  if (first == "--help" || first == "-h" || first == "help")
    return {std::nullopt, overview(verbs), 0};
  if (const auto stray = stray_word(argc, argv, verbs)) return unknown_verb(*stray);
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App* app = &root;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    const bool noun = !app->get_subcommands({}).empty();
    return {std::nullopt, noun ? noun_help(app->get_name(), verbs) : root.help(), 0};
  } catch (const CLI::ParseError& error) {
    return usage_error(error, root);
  }
  for (const Slots& slots : all) {
    if (slots.app->parsed()) return {collect(slots, common), "", 0};
  }
  return {std::nullopt, overview(verbs), 2};
}

}  // namespace vigie::cli
