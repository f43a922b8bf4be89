// The verbs as data: from one table come the parser, the help, the completion for shells and the
// manual page.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vigie::cli {

class Context;

struct OptionSpec {
  std::string_view name;        // "--reason"
  std::string_view value_name;  // "WORDS"; empty: a flag
  std::string_view help;
  std::string_view choices = {};  // "read|operate|admin"; empty: any
  bool required = false;
  bool repeats = false;  // all its values count; of any other the command line may hold one
};

struct OperandSpec {
  std::string_view name;  // "ID"
  std::string_view help;
  bool required = true;
};

struct VerbSpec {
  std::string_view name;      // "backup run"
  std::string_view summary;   // one line
  std::string_view examples;  // lines; help opens with them
  std::vector<OperandSpec> operands = {};
  std::vector<OptionSpec> options = {};
  int (*run)(Context&) = nullptr;  // the exit status
};

// All verbs, in the order of the help.
std::span<const VerbSpec> verbs();

enum class Output : unsigned char { table, json, jsonl };

// What was said on the command line.
struct Arguments {
  const VerbSpec* verb = nullptr;
  std::string config;  // -c; empty: the default places
  Output output = Output::table;
  std::map<std::string, std::string, std::less<>> operands;  // by name
  std::map<std::string, std::string, std::less<>> options;   // by name; a flag is "true"
  std::map<std::string, std::vector<std::string>, std::less<>> repeated;  // by name

  bool flag(std::string_view name) const { return options.contains(name); }
  std::optional<std::string> option(std::string_view name) const;
  std::vector<std::string> all(std::string_view name) const;  // of an option that repeats
  std::string operand(std::string_view name) const;           // empty when it was not given
};

// Either what was asked for, or a text to print and the status to exit with (help, a usage error).
struct Parsed {
  std::optional<Arguments> arguments;
  std::string text;
  int exit_code = 0;
};
// The words from the verb on, behind the options that every verb takes and that may stand before
// it.
std::span<const char* const> words_behind_options(int argc, const char* const* argv);
Parsed parse_arguments(int argc, const char* const* argv, std::span<const VerbSpec> verbs);

}  // namespace vigie::cli
