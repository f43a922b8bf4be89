#include "cli/completion.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <vector>

namespace vigie::cli {
namespace {

// What can stand after the program's name: words, and for each noun its verbs.
struct Tree {
  std::vector<std::string> first;
  std::map<std::string, std::vector<std::string>> second;
};

Tree tree_of(std::span<const VerbSpec> verbs) {
  Tree tree;
  std::set<std::string> seen;
  for (const VerbSpec& verb : verbs) {
    const size_t blank = verb.name.find(' ');
    const std::string first(verb.name.substr(0, blank));
    if (seen.insert(first).second) tree.first.push_back(first);
    if (blank != std::string_view::npos)
      tree.second[first].emplace_back(verb.name.substr(blank + 1));
  }
  return tree;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string option_words(const VerbSpec& verb) {
  std::string words = "--config --output --help";
  for (const OptionSpec& option : verb.options) words += fmt::format(" {}", option.name);
  return words;
}

std::string choice_cases(std::span<const VerbSpec> verbs) {
  std::map<std::string, std::string> choices{{"--output", "table json jsonl"},
                                             {"-o", "table json jsonl"}};
  for (const VerbSpec& verb : verbs) {
    for (const OptionSpec& option : verb.options) {
      if (option.choices.empty()) continue;
      std::string words(option.choices);
      for (char& c : words) c = c == '|' ? ' ' : c;
      std::string& all = choices[std::string(option.name)];
      if (all.find(words) == std::string::npos) all += (all.empty() ? "" : " ") + words;
    }
  }
  std::string cases;
  for (const auto& [name, words] : choices) {
    cases +=
        fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$cur\")); return ;;\n", name, words);
  }
  return cases;
}

// A verb of one word is followed by anything; one of two by a blank that the second word has ended.
std::string bash_pattern(const VerbSpec& verb) {
  const bool noun = verb.name.find(' ') != std::string_view::npos;
  return noun ? fmt::format("'{}'", verb.name) : fmt::format("'{} '*", verb.name);
}

std::string bash_script(std::span<const VerbSpec> verbs) {
  const Tree tree = tree_of(verbs);
  std::string cases;
  for (const auto& [noun, words] : tree.second) {
    cases +=
        fmt::format("    {}) [ \"$COMP_CWORD\" -eq 2 ] && words='{}' ;;\n", noun, joined(words));
  }
  std::string options;
  for (const VerbSpec& verb : verbs)
    options += fmt::format("    {}) words='{}' ;;\n", bash_pattern(verb), option_words(verb));
  return fmt::format(R"sh(# bash completion for vigie
_vigie() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words=''
  COMPREPLY=()
  case $prev in
    -c|--config) COMPREPLY=($(compgen -f -- "$cur")); return ;;
{}  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{}' -- "$cur")); return
  fi
  case ${{COMP_WORDS[1]}} in
{}  esac
  [ -n "$words" ] || case "${{COMP_WORDS[1]}} ${{COMP_WORDS[2]}}" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _vigie vigie
)sh",
                     choice_cases(verbs), joined(tree.first), cases, options);
}

std::string zsh_script(std::span<const VerbSpec> verbs) {
  return "#compdef vigie\nautoload -U +X bashcompinit && bashcompinit\n" + bash_script(verbs);
}

// Inside double quotes of fish.
std::string fish_quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\' || c == '$') out += '\\';
    out += c;
  }
  return out + "\"";
}

// The condition under which the options of a verb are offered.
std::string fish_condition(const VerbSpec& verb) {
  const size_t blank = verb.name.find(' ');
  std::string condition = fmt::format("__fish_seen_subcommand_from {}", verb.name.substr(0, blank));
  if (blank != std::string_view::npos)
    condition += fmt::format("; and __fish_seen_subcommand_from {}", verb.name.substr(blank + 1));
  return condition;
}

std::string fish_options(const VerbSpec& verb) {
  std::string lines;
  for (const OptionSpec& option : verb.options) {
    lines += fmt::format("complete -c vigie -n '{}' -l {}{} -d {}\n", fish_condition(verb),
                         option.name.substr(2), option.value_name.empty() ? "" : " -x",
                         fish_quoted(option.help));
  }
  return lines;
}

std::string fish_script(std::span<const VerbSpec> verbs) {
  std::string script =
      "# fish completion for vigie\ncomplete -c vigie -f\n"
      "complete -c vigie -s c -l config -r -F -d \"Configuration\"\n"
      "complete -c vigie -s o -l output -x -a \"table json jsonl\" -d \"How to answer\"\n";
  const Tree tree = tree_of(verbs);
  for (const auto& [noun, words] : tree.second)
    script += fmt::format("complete -c vigie -n __fish_use_subcommand -a {}\n", noun);
  for (const VerbSpec& verb : verbs) {
    const size_t blank = verb.name.find(' ');
    const bool one = blank == std::string_view::npos;
    script +=
        fmt::format("complete -c vigie -n '{}' -a {} -d {}\n",
                    one ? "__fish_use_subcommand"
                        : fmt::format("__fish_seen_subcommand_from {}", verb.name.substr(0, blank)),
                    one ? verb.name : verb.name.substr(blank + 1), fish_quoted(verb.summary));
    script += fish_options(verb);
  }
  return script;
}

// A line that begins with a dot or a quote would be a request to troff; a hyphen is a minus there,
// and it reads no UTF-8.
std::string troff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '-') out += '\\';
    if ((out.empty() || out.back() == '\n') && (c == '.' || c == '\'')) out += "\\&";
    out += c;
  }
  return out;
}

std::string manual_entry(const VerbSpec& verb) {
  std::string out = fmt::format(".SS vigie {}", troff(verb.name));
  for (const OperandSpec& operand : verb.operands) {
    out += operand.required ? fmt::format(" {}", operand.name) : fmt::format(" [{}]", operand.name);
  }
  out += fmt::format("\n{}.\n", troff(verb.summary));
  for (const OptionSpec& option : verb.options) {
    out += fmt::format(".TP\n\\fB{}\\fR {}\n{}\n", troff(option.name),
                       troff(option.choices.empty() ? option.value_name : option.choices),
                       troff(option.help));
  }
  return out + fmt::format(".PP\n.nf\n{}.fi\n", troff(verb.examples));
}

}  // namespace

Result<std::string> completion_script(std::string_view shell, std::span<const VerbSpec> verbs) {
  if (shell == "bash") return bash_script(verbs);
  if (shell == "zsh") return zsh_script(verbs);
  if (shell == "fish") return fish_script(verbs);
  return fail(ErrorCode::usage, {{"reason", "Completion is made for bash, zsh and fish."}});
}

std::string manual_page(std::span<const VerbSpec> verbs, std::string_view version) {
  std::string page = fmt::format(
      ".TH VIGIE 1 \"\" \"vigie {}\" \"User Commands\"\n.SH NAME\nvigie \\- PostgreSQL backups "
      "that are proved\n"
      ".SH SYNOPSIS\n\\fBvigie\\fR VERB [NOUN] [\\-c FILE] [\\-o table|json|jsonl]\n.SH "
      "DESCRIPTION\n"
      "Takes PostgreSQL backups on a schedule, seals, verifies and retains them, and keeps the "
      "evidence.\n"
      ".SH EXIT STATUS\n0 good, 1 bad, 2 usage, 3 could not verify, 4 not authorised, 5 busy or "
      "conflicting, "
      "6 a dependency does not answer, 130 interrupted. \\fBvigie check\\fR answers as Nagios "
      "plugins do.\n"
      ".SH FILES\n/etc/vigie/vigie.yaml, else ./vigie.yaml: the configuration.\n.SH VERBS\n",
      troff(version));
  for (const VerbSpec& verb : verbs) page += manual_entry(verb);
  return page;
}

}  // namespace vigie::cli
