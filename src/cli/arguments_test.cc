#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "cli/verb.h"
#include "tests/support/cli_program.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using testing::Printed;
using testing::run_program;
using ::testing::StartsWith;

Parsed parse(const std::vector<std::string>& words) {
  std::vector<const char*> argv{"vigie"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_arguments(static_cast<int>(argv.size()), argv.data(), verbs());
}

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find(' ', at), name.size());
    words.emplace_back(name.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

std::string value_for(const OptionSpec& option) {
  return option.choices.empty() ? "value"
                                : std::string(option.choices.substr(0, option.choices.find('|')));
}

// The verb with everything that it can be given.
std::vector<std::string> fully(const VerbSpec& verb) {
  std::vector<std::string> words = words_of(verb.name);
  for (const OperandSpec& operand : verb.operands)
    words.push_back("a " + std::string(operand.name));
  for (const OptionSpec& option : verb.options) {
    words.emplace_back(option.name);
    if (!option.value_name.empty()) words.push_back(value_for(option));
  }
  return words;
}

TEST(Arguments, EveryVerbTakesEverythingThatItsTableNames) {
  for (const VerbSpec& verb : verbs()) {
    const Parsed parsed = parse(fully(verb));
    ASSERT_TRUE(parsed.arguments) << verb.name << "\n" << parsed.text;
    EXPECT_EQ(parsed.arguments->verb, &verb);
    for (const OperandSpec& operand : verb.operands)
      EXPECT_EQ(parsed.arguments->operand(operand.name), "a " + std::string(operand.name));
    for (const OptionSpec& option : verb.options) {
      if (option.repeats) {
        EXPECT_EQ(parsed.arguments->all(option.name), std::vector{value_for(option)});
        continue;
      }
      EXPECT_EQ(parsed.arguments->option(option.name),
                option.value_name.empty() ? "true" : value_for(option))
          << verb.name;
    }
  }
}

TEST(Arguments, EveryVerbTakesTheConfigurationAndTheOutput) {
  for (const VerbSpec& verb : verbs()) {
    auto words = fully(verb);
    words.insert(words.end(), {"-c", "other.yaml", "--output", "jsonl"});
    const Parsed parsed = parse(words);
    ASSERT_TRUE(parsed.arguments) << verb.name;
    EXPECT_EQ(parsed.arguments->config, "other.yaml");
    EXPECT_EQ(parsed.arguments->output, Output::jsonl);
  }
}

TEST(Arguments, TheConfigurationAndTheOutputMayStandBeforeTheVerb) {
  for (const auto& words :
       {std::vector<std::string>{"-c", "x.yaml", "-o", "json", "backup", "list"},
        std::vector<std::string>{"--config=x.yaml", "--output=json", "backup", "list"},
        std::vector<std::string>{"-c", "x.yaml", "backup", "list", "-o", "json"}}) {
    const Parsed parsed = parse(words);
    ASSERT_TRUE(parsed.arguments) << parsed.text;
    EXPECT_EQ(parsed.arguments->verb->name, "backup list");
    EXPECT_EQ(parsed.arguments->config, "x.yaml");
    EXPECT_EQ(parsed.arguments->output, Output::json);
  }
  EXPECT_THAT(parse({"-c", "x.yaml", "bakup"}).text, HasSubstr("Did you mean backup?"));
  EXPECT_EQ(parse({"-c"}).exit_code, 2);
  EXPECT_EQ(parse({"-c", "x.yaml"}).exit_code, 2);
}

TEST(Arguments, ServeIsSeenBehindOptions) {
  for (const auto& words :
       {std::vector{"vigie", "serve"}, std::vector{"vigie", "-c", "x", "serve"},
        std::vector{"vigie", "-cx", "serve"}, std::vector{"vigie", "--config=x", "serve"}})
    EXPECT_TRUE(asks_to_serve(static_cast<int>(words.size()), words.data()));
  const std::vector words{"vigie", "-c", "serve", "status"};
  EXPECT_FALSE(asks_to_serve(static_cast<int>(words.size()), words.data()));
}

TEST(Arguments, AWrongOptionGetsTheNearestOne) {
  EXPECT_THAT(parse({"backup", "list", "--jb", "x"}).text, HasSubstr("Did you mean --job?"));
  EXPECT_THAT(parse({"status", "--confg=x"}).text, HasSubstr("Did you mean --config?"));
}

TEST(Arguments, AMistakeComesWithAnExampleOfItsVerb) {
  EXPECT_THAT(parse({"backup", "run"}).text, HasSubstr("\n  vigie backup run nightly\n"));
  EXPECT_THAT(parse({"backup"}).text, HasSubstr("run, list, show"));
}

TEST(Arguments, EveryVerbHelpsAndOpensWithItsExamples) {
  for (const VerbSpec& verb : verbs()) {
    auto words = words_of(verb.name);
    words.emplace_back("--help");
    const Parsed parsed = parse(words);
    EXPECT_EQ(parsed.exit_code, 0) << verb.name;
    EXPECT_THAT(parsed.text, StartsWith("Examples:\n" + std::string(verb.examples)));
    EXPECT_THAT(parsed.text, HasSubstr("Usage: vigie " + std::string(verb.name)));
    for (const OptionSpec& option : verb.options)
      EXPECT_THAT(parsed.text, HasSubstr(std::string(option.name)));
  }
}

TEST(Arguments, EveryExampleIsOfItsOwnVerb) {
  for (const VerbSpec& verb : verbs())
    EXPECT_THAT(std::string(verb.examples), StartsWith("  vigie " + std::string(verb.name)));
}

TEST(Arguments, TheHelpOfANounListsItsVerbs) {
  const Parsed parsed = parse({"evidence", "--help"});
  EXPECT_EQ(parsed.exit_code, 0);
  EXPECT_THAT(parsed.text, StartsWith("Examples:\n  vigie evidence list"));
  for (const char* verb : {"evidence list", "evidence show", "evidence verify"})
    EXPECT_THAT(parsed.text, HasSubstr(std::string("  ") + verb));
  EXPECT_THAT(parsed.text, Not(HasSubstr("backup run")));
}

TEST(Arguments, WithoutAVerbTheOverviewNamesThemAll) {
  const Parsed parsed = parse({});
  EXPECT_EQ(parsed.exit_code, 0);
  for (const VerbSpec& verb : verbs())
    EXPECT_THAT(parsed.text, HasSubstr(std::string(verb.summary)));
}

TEST(Arguments, AWrongVerbGetsTheNearestOne) {
  const Parsed parsed = parse({"bakup", "list"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.text, HasSubstr("no verb bakup. Did you mean backup?"));
}

TEST(Arguments, AWrongSecondWordGetsTheNearestOfItsNoun) {
  EXPECT_THAT(parse({"backup", "verfy"}).text, HasSubstr("no verb verfy. Did you mean verify?"));
}

TEST(Arguments, AWordThatIsLikeNoVerbGetsNoSuggestion) {
  const Parsed parsed = parse({"xyzzy"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.text, Not(HasSubstr("Did you mean")));
}

TEST(Arguments, AWrongVerbCannotSteerTheTerminal) {
  EXPECT_THAT(parse({"\x1b[2Jx"}).text, Not(HasSubstr("\x1b")));
}

TEST(Arguments, AnOperandMayLookLikeAVerb) {
  const Parsed parsed = parse({"trace", "list"});
  ASSERT_TRUE(parsed.arguments) << parsed.text;
  EXPECT_EQ(parsed.arguments->operand("ID"), "list");
}

class UsageError : public ::testing::TestWithParam<std::vector<std::string>> {};

TEST_P(UsageError, ExitsWithTwoAndSaysWhereHelpIs) {
  const Parsed parsed = parse(GetParam());
  EXPECT_FALSE(parsed.arguments);
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.text, StartsWith("vigie: "));
  EXPECT_THAT(parsed.text, HasSubstr("--help"));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, UsageError,
    ::testing::Values(std::vector<std::string>{"backup"}, std::vector<std::string>{"backup", "run"},
                      std::vector<std::string>{"backup", "pin", "x"},
                      std::vector<std::string>{"status", "--frobnicate"},
                      std::vector<std::string>{"status", "surplus"},
                      std::vector<std::string>{"status", "-o", "xml"},
                      std::vector<std::string>{"token", "create", "--scope", "god"},
                      std::vector<std::string>{"grants"}, std::vector<std::string>{"--frobnicate"},
                      std::vector<std::string>{"backup", "list", "--job"}));

TEST(Arguments, NoTwoVerbsHaveOneName) {
  std::set<std::string_view> names;
  for (const VerbSpec& verb : verbs()) EXPECT_TRUE(names.insert(verb.name).second) << verb.name;
}

TEST(Program, SaysItsReleaseToWhoeverAsksAsOfAnyOtherProgram) {
  for (const char* const word : {"--version", "-V"}) {
    const Parsed parsed = parse({word});
    ASSERT_TRUE(parsed.arguments) << parsed.text;
    EXPECT_EQ(parsed.arguments->verb->name, "version");
  }
}

TEST(Program, SaysThatAVerbIsMissing) {
  const Printed printed = run_program({"-o", "json"});
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr("vigie: which verb?"));
}

TEST(Program, PrintsHelpOnStdoutAndMistakesOnStderr) {
  const Printed help = run_program({"backup", "--help"});
  EXPECT_EQ(help.words, "");
  EXPECT_THAT(help.out, HasSubstr("backup run"));
  const Printed mistake = run_program({"bakup"});
  EXPECT_EQ(mistake.exit_code, 2);
  EXPECT_EQ(mistake.out, "");
  EXPECT_THAT(mistake.words, HasSubstr("bakup"));
}

}  // namespace
}  // namespace vigie::cli
