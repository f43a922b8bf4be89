// The only file that knows CLI11.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
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
  std::list<std::pair<std::string, std::vector<std::string>>> repeated;
  std::list<std::pair<std::string, bool>> flags;
};

constexpr std::string_view kOutputs = "table|json|jsonl";

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
    slots.app->add_flag(flag.first, flag.second);
    return;
  }
  if (spec.repeats) {
    auto& values = slots.repeated.emplace_back(spec.name, std::vector<std::string>());
    slots.app->add_option(values.first, values.second)
        ->allow_extra_args(false)
        ->required(spec.required);
    return;
  }
  auto& value = slots.options.emplace_back(spec.name, "");
  CLI::Option* option = slots.app->add_option(value.first, value.second);
  option->required(spec.required);
  if (!spec.choices.empty()) option->check(CLI::IsMember(split(spec.choices, '|')));
}

void add_operand(Slots& slots, const OperandSpec& spec) {
  auto& value = slots.operands.emplace_back(spec.name, "");
  slots.app->add_option(value.first, value.second)->required(spec.required);
}

void add_common(CLI::App& app, Common& common) {
  app.add_option("-c,--config", common.config);
  app.add_option("-o,--output", common.output)->check(CLI::IsMember(split(kOutputs, '|')));
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
  return parent->add_subcommand(words.back());
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
  for (const auto& [name, values] : slots.repeated) arguments.repeated[name] = values;
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

std::optional<Stray> stray_word(std::span<const char* const> words,
                                std::span<const VerbSpec> verbs) {
  Stray stray;
  std::string noun;  // with its blank, once the first word was one
  for (const char* const word : words.first(std::min<size_t>(2, words.size()))) {
    if (word[0] == '-') break;
    stray = {word, {}};
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

std::string option_line(std::string_view name, std::string_view value, std::string_view help) {
  const std::string left = value.empty() ? std::string(name) : fmt::format("{} {}", name, value);
  if (left.size() > 26) return fmt::format("  {}\n  {:<26} {}\n", left, "", help);
  return fmt::format("  {:<26} {}\n", left, help);
}

std::string verb_help(const VerbSpec& verb) {
  std::string usage = fmt::format("vigie {}", verb.name);
  std::string lines;
  for (const OperandSpec& operand : verb.operands) {
    usage +=
        operand.required ? fmt::format(" {}", operand.name) : fmt::format(" [{}]", operand.name);
    lines += option_line(operand.name, "", operand.help);
  }
  for (const OptionSpec& option : verb.options) {
    const std::string_view value = option.choices.empty() ? option.value_name : option.choices;
    if (option.required) usage += fmt::format(" {} {}", option.name, value);
    lines += option_line(option.name, value, option.help);
  }
  return fmt::format("Examples:\n{}\n{}.\n\nUsage: {} [OPTIONS]\n\n{}", verb.examples, verb.summary,
                     usage, lines) +
         option_line("-c, --config", "FILE",
                     "Configuration; else /etc/vigie/vigie.yaml, else ./vigie.yaml") +
         option_line("-o, --output", kOutputs, "How to answer (default table)") +
         option_line("-h, --help", "", "This text");
}

// The option nearest to the first one that the verb does not take.
std::string nearest_option(std::span<const char* const> words, const VerbSpec& verb) {
  std::vector<std::string> names{"--config", "--output", "--help"};
  for (const OptionSpec& option : verb.options) names.emplace_back(option.name);
  for (const std::string_view word : words) {
    const std::string name(word.substr(0, word.find('=')));
    if (name.starts_with("--") && std::ranges::find(names, name) == names.end())
      return nearest_name(name, names);
  }
  return "";
}

std::string joined_verbs(std::string_view noun, std::span<const VerbSpec> verbs) {
  std::string out;
  for (const VerbSpec& verb : verbs) {
    if (!verb.name.starts_with(fmt::format("{} ", noun))) continue;
    out += (out.empty() ? "" : ", ") + std::string(verb.name.substr(noun.size() + 1));
  }
  return out;
}

Parsed usage_of_verb(std::string_view mistake, std::span<const char* const> words,
                     const VerbSpec& verb) {
  const std::string nearest = nearest_option(words, verb);
  return {std::nullopt,
          fmt::format("vigie: {}{}\nFor example:\n{}vigie {} --help says what it takes.\n", mistake,
                      nearest.empty() ? "" : fmt::format(". Did you mean {}?", nearest),
                      verb.examples.substr(0, verb.examples.find('\n') + 1), verb.name),
          2};
}

}  // namespace

std::span<const char* const> words_behind_options(int argc, const char* const* argv) {
  constexpr std::array<std::string_view, 4> kCommon{"-c", "--config", "-o", "--output"};
  std::span<const char* const> words(argv, static_cast<size_t>(argc));
  words = words.subspan(std::min<size_t>(1, words.size()));
  while (!words.empty()) {
    const std::string_view word = words.front();
    const bool apart = std::ranges::find(kCommon, word) != kCommon.end();
    const bool whole = std::ranges::any_of(
        kCommon, [&](std::string_view name) { return word.starts_with(fmt::format("{}=", name)); });
    const bool attached = word.size() > 2 && (word.starts_with("-c") || word.starts_with("-o"));
    if (!apart && !whole && !attached) break;
    words = words.subspan(std::min<size_t>(apart ? 2 : 1, words.size()));
  }
  return words;
}

std::optional<std::string> Arguments::option(std::string_view name) const {
  const auto found = options.find(name);
  return found == options.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> Arguments::all(std::string_view name) const {
  const auto found = repeated.find(name);
  return found == repeated.end() ? std::vector<std::string>() : found->second;
}

std::string Arguments::operand(std::string_view name) const {
  const auto found = operands.find(name);
  return found == operands.end() ? "" : found->second;
}

namespace {

const VerbSpec* parsed_verb(const std::list<Slots>& all) {
  const auto found =
      std::ranges::find_if(all, [](const Slots& slots) { return slots.app->parsed(); });
  return found == all.end() ? nullptr : found->verb;
}

Parsed help_of(const CLI::App& root, const std::list<Slots>& all, std::span<const VerbSpec> verbs) {
  if (const VerbSpec* verb = parsed_verb(all)) return {std::nullopt, verb_help(*verb), 0};
  const auto nouns = root.get_subcommands();
  return {std::nullopt,
          nouns.empty() ? overview(verbs) : noun_help(nouns.front()->get_name(), verbs), 0};
}

Parsed usage_error(std::string_view mistake, std::span<const char* const> words,
                   const CLI::App& root, const std::list<Slots>& all,
                   std::span<const VerbSpec> verbs) {
  const std::string said = printable(mistake, 200);
  if (const VerbSpec* verb = parsed_verb(all)) return usage_of_verb(said, words, *verb);
  const auto nouns = root.get_subcommands();
  if (nouns.empty())
    return {std::nullopt, fmt::format("vigie: {}\nvigie --help lists the verbs.\n", said), 2};
  const std::string noun = nouns.front()->get_name();
  return {std::nullopt,
          fmt::format("vigie: {} what? One of: {}\nvigie {} --help says more.\n", noun,
                      joined_verbs(noun, verbs), noun),
          2};
}

// As every other program has it.
Parsed version_asked(std::span<const VerbSpec> verbs) {
  Arguments arguments;
  arguments.verb = &*std::ranges::find(verbs, "version", &VerbSpec::name);
  return {std::move(arguments), "", 0};
}

}  // namespace

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
  add_common(root, common);
  const auto words = words_behind_options(argc, argv);
  const std::string_view first = words.empty() ? "" : words.front();
  if (argc < 2 || first == "--help" || first == "-h" || first == "help")
    return {std::nullopt, overview(verbs), 0};
  if (first == "--version" || first == "-V") return version_asked(verbs);
  if (words.empty()) return {std::nullopt, "vigie: which verb?\nvigie --help lists them.\n", 2};
  if (const auto stray = stray_word(words, verbs)) return unknown_verb(*stray);
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return help_of(root, all, verbs);
  } catch (const CLI::ParseError& error) {
    return usage_error(error.what(), words, root, all, verbs);
  }
  for (const Slots& slots : all) {
    if (slots.app->parsed()) return {collect(slots, common), "", 0};
  }
  return {std::nullopt, overview(verbs), 2};
}

}  // namespace vigie::cli
