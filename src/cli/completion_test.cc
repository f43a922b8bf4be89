#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include "tests/support/contents.h"
#include "tests/support/temp_folder.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

struct Output {
  int status = -1;
  std::string text;  // stdout and stderr
};

Output shell(const std::string& command) {
  Output output;
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  for (size_t n = 0; (n = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.text.append(buffer.data(), n);
  output.status = ::pclose(pipe);
  return output;
}

std::string saved(const vigie::testing::TempFolder& folder, const std::string& text) {
  std::string path = (folder / "script").string();
  std::ofstream(path) << text;
  return path;
}

// What bash offers when the line is `words` and the cursor stands at the end of the last one.
std::vector<std::string> offered(const std::vector<std::string>& words) {
  const vigie::testing::TempFolder folder;
  std::string script = completion_script("bash", verbs()).value() + "COMP_WORDS=(vigie";
  for (const std::string& word : words) script += " '" + word + "'";
  script += ")\nCOMP_CWORD=" + std::to_string(words.size()) +
            "\n_vigie\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
  const Output output = shell("bash " + saved(folder, script));
  EXPECT_EQ(output.status, 0) << output.text;
  std::vector<std::string> lines;
  for (size_t at = 0; at < output.text.size();) {
    const size_t end = output.text.find('\n', at);
    lines.push_back(output.text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

TEST(Completion, BashAcceptsTheScript) {
  const vigie::testing::TempFolder folder;
  const Output output =
      shell("bash -n " + saved(folder, completion_script("bash", verbs()).value()));
  EXPECT_EQ(output.status, 0) << output.text;
}

TEST(Completion, BashOffersEachFirstWord) {
  const auto words = offered({""});
  for (const VerbSpec& verb : verbs()) {
    const std::string first(verb.name.substr(0, verb.name.find(' ')));
    EXPECT_EQ(std::ranges::count(words, first), 1) << first;
  }
}

TEST(Completion, BashOffersEachVerbOfItsNoun) {
  for (const VerbSpec& verb : verbs()) {
    const size_t blank = verb.name.find(' ');
    if (blank == std::string_view::npos) continue;
    EXPECT_THAT(offered({std::string(verb.name.substr(0, blank)),
                         std::string(verb.name.substr(blank + 1))}),
                ::testing::Contains(std::string(verb.name.substr(blank + 1))));
  }
}

TEST(Completion, BashOffersTheOptionsOfTheVerbThatStandsThere) {
  EXPECT_THAT(offered({"backup", "list", "--"}),
              IsSupersetOf({"--job", "--database", "--result", "--output"}));
  EXPECT_THAT(offered({"evidence", "list", "--"}), Not(::testing::Contains("--job")));
  EXPECT_THAT(offered({"grants", "--"}), ::testing::Contains("--role"));
}

TEST(Completion, BashOffersTheChoicesOfAnOption) {
  EXPECT_THAT(offered({"token", "create", "--scope", ""}),
              ::testing::UnorderedElementsAre("read", "operate", "admin"));
  EXPECT_THAT(offered({"status", "-o", "json"}), ::testing::UnorderedElementsAre("json", "jsonl"));
}

TEST(Completion, ZshTakesTheSameByItsOwnBridge) {
  const std::string script = completion_script("zsh", verbs()).value();
  EXPECT_THAT(script, StartsWith("#compdef vigie\n"));
  EXPECT_THAT(script, HasSubstr("bashcompinit"));
  EXPECT_THAT(script, HasSubstr("complete -F _vigie vigie"));
}

TEST(Completion, FishTellsTheVerbsOfTwoNounsApart) {
  const std::string script = completion_script("fish", verbs()).value();
  EXPECT_THAT(script, HasSubstr("-n '__fish_seen_subcommand_from backup; and "
                                "__fish_seen_subcommand_from list' -l job"));
  EXPECT_THAT(script, HasSubstr("-n '__fish_seen_subcommand_from evidence; and "
                                "__fish_seen_subcommand_from list' -l kind"));
}

// Every line of it is one `complete` whose quotes are closed.
TEST(Completion, FishLinesAreWhole) {
  std::istringstream lines(completion_script("fish", verbs()).value());
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    EXPECT_THAT(line, StartsWith("complete -c vigie "));
    EXPECT_EQ(std::ranges::count(line, '"') % 2, 0) << line;
  }
}

TEST(Completion, FishHasEachVerb) {
  const std::string script = completion_script("fish", verbs()).value();
  for (const VerbSpec& verb : verbs()) EXPECT_THAT(script, HasSubstr(std::string(verb.summary)));
}

TEST(Completion, AnotherShellIsAUsageError) {
  const auto script = completion_script("tcsh", verbs());
  ASSERT_FALSE(script);
  EXPECT_EQ(script.error().info().exit_code, 2);
}

TEST(ManualPage, NamesEachVerbAndItsOptions) {
  const std::string page = manual_page(verbs(), "1.2.3");
  EXPECT_THAT(page, StartsWith(".TH VIGIE 1 "));
  size_t sections = 0;
  for (size_t at = page.find(".SS vigie "); at != std::string::npos;
       at = page.find(".SS vigie ", at + 1))
    ++sections;
  EXPECT_EQ(sections, verbs().size());
}

std::string manual_row(const VerbSpec& verb) {
  std::string command(verb.name);
  for (const OperandSpec& operand : verb.operands)
    command +=
        operand.required ? " " + std::string(operand.name) : " [" + std::string(operand.name) + "]";
  return "| `vigie " + command + "` | " + std::string(verb.summary) + " |\n";
}

TEST(ManualPage, TheManualInTheTreeHasALineForEachVerbAndNoOther) {
  const std::string page = testing::contents(VIGIE_SOURCE_DIR "/docs/manual/commands.md");
  std::string rows;
  for (const VerbSpec& verb : verbs()) rows += manual_row(verb);
  EXPECT_THAT(page, HasSubstr("|---|---|\n" + rows + "\n"));
}

TEST(ManualPage, IsPlainAscii) {
  EXPECT_TRUE(std::ranges::all_of(manual_page(verbs(), "1.2.3"),
                                  [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

TEST(ManualPage, GroffHasNothingToSayAgainstIt) {
  ASSERT_EQ(shell("command -v groff").status, 0) << "scripts/packages has it";
  const vigie::testing::TempFolder folder;
  const std::string file = saved(folder, manual_page(verbs(), "1.2.3"));
  const Output warnings = shell("groff -man -Tutf8 -ww -z " + file);
  EXPECT_EQ(warnings.status, 0);
  EXPECT_EQ(warnings.text, "");
  // -c: without escapes for bold, so that words can be found.
  const Output shown = shell("groff -man -Tascii -P-cbou " + file);
  EXPECT_THAT(shown.text, HasSubstr("vigie backup run JOB"));
  EXPECT_THAT(shown.text, HasSubstr("--reason WORDS"));
  EXPECT_THAT(shown.text, HasSubstr("--scope read|operate|admin"));
  EXPECT_THAT(shown.text, HasSubstr("vigie evidence list -o jsonl | jq .result"));
}

}  // namespace
}  // namespace vigie::cli
