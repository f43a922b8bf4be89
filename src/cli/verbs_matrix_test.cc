// vigie matrix, and vigie evidence record.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "tests/support/cli_program.h"
#include "tests/support/temp_folder.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::Printed;
using testing::Scripted;

std::string row(std::string_view id, std::string_view status, bool required,
                std::string_view waiver = "null") {
  return fmt::format(
      R"({{"id":"{}","text":"Something holds","status":"{}","validated_by":["backup"],"required":{},)"
      R"("kind":"backup","subject":"nightly.app","evidence_id":"e1","validated_at":null,"age_s":60,)"
      R"("max_age_s":93600,"last_attempt":null,"waiver":{}}})",
      id, status, required, waiver);
}

Printed matrix_of(const std::vector<std::string>& rows, std::vector<const char*> words) {
  Scripted program;
  program.answers(200, fmt::format(R"({{"items":[{}]}})", fmt::join(rows, ",")));
  words.insert(words.begin(), "matrix");
  return program.run(words);
}

TEST(Matrix, TheGateOpensWhenAllThatItAsksForIsMetOrWaived) {
  const auto printed =
      matrix_of({row("A", "met", true),
                 row("B", "waived", true,
                     R"({"by":"CTO","why":"later","until":"2027-01-01","in_force":true})"),
                 row("C", "failing", false)},
                {"--gate"});
  EXPECT_EQ(printed.exit_code, 0) << printed.words;
  EXPECT_THAT(printed.words, HasSubstr("B: waived until 2027-01-01 by CTO: later\n"));
}

TEST(Matrix, TheGateNamesWhatIsNotMet) {
  const std::vector<std::string> rows{row("A", "met", true), row("B", "failing", true),
                                      row("C", "stale", true), row("D", "never", true)};
  const auto printed = matrix_of(rows, {"--gate"});
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_THAT(printed.words, HasSubstr("requirements_unmet"));
  EXPECT_THAT(printed.words, HasSubstr("3 of 4"));
  EXPECT_THAT(printed.words, HasSubstr("failing: B; never: D; stale: C"));
  EXPECT_EQ(matrix_of(rows, {}).exit_code, 0);
}

TEST(Matrix, TheTableLeavesOutWhatNobodyAsksForAndNobodyHasSeen) {
  const std::vector<std::string> rows{row("A", "met", true), row("B", "never", false),
                                      row("C", "met", false)};
  const auto printed = matrix_of(rows, {});
  EXPECT_THAT(printed.out, HasSubstr("C "));
  EXPECT_THAT(printed.out, Not(HasSubstr("B ")));
  EXPECT_THAT(printed.words, HasSubstr("1 more"));
  EXPECT_THAT(matrix_of(rows, {"--all"}).out, HasSubstr("B "));
}

TEST(Matrix, AsJsonIsAnArrayOfAll) {
  const auto printed =
      matrix_of({row("A", "met", true), row("B", "never", false)}, {"--output", "json"});
  const auto parsed = parse_json(printed.out);
  ASSERT_TRUE(parsed && parsed->is_array()) << printed.out;
  EXPECT_EQ(parsed->get_array().size(), 2u);
  EXPECT_EQ(parsed->at(1).at("id").as_string(), "B");
}

TEST(EvidenceRecord, SendsWhatWasSaidAndTheSumOfEachFile) {
  const testing::TempFolder folder;
  const auto file = folder / "report.json";
  std::ofstream(file) << "[]\n";
  Scripted program;
  program.answers(201, R"({"id":"e1","seq":7,"entry_hash":"x"})");
  const auto printed = program.run(
      {"evidence", "record", "--kind", "dashboards", "--requirement", "REQ-API-3", "--requirement",
       "REQ-DB-4", "--result", "passed", "--summary", "all there", "--measure", "panels=12",
       "--artefact", file.c_str(), "--reference", "https://ci.example/1"});
  EXPECT_EQ(printed.exit_code, 0) << printed.words;
  EXPECT_THAT(printed.words, HasSubstr("vigie evidence show e1"));
  const json::object body = program.script.asked.at(0).body.as_object();
  EXPECT_EQ(body.at("requirement_ids").as_array().size(), 2u);
  EXPECT_EQ(body.at("measures").at("panels").to_number<int>(), 12);
  const json::value& artefact = body.at("artefacts").at(0);
  EXPECT_EQ(artefact.at("name").as_string(), "report.json");
  EXPECT_EQ(artefact.at("sha256").as_string(), std::string_view(sha256_hex("[]\n")));
  EXPECT_EQ(artefact.at("bytes").to_number<int>(), 3);
  EXPECT_EQ(body.at("ref").as_string(), "https://ci.example/1");
}

TEST(EvidenceRecord, AMeasureIsANumberWithAName) {
  Scripted program;
  for (const char* measure : {"panels", "panels=", "panels=many", "panels=1x"}) {
    const auto printed =
        program.run({"evidence", "record", "--kind", "k", "--requirement", "A", "--result",
                     "passed", "--summary", "s", "--measure", measure});
    EXPECT_EQ(printed.exit_code, 2) << measure;
    EXPECT_THAT(printed.words, HasSubstr("NAME=NUMBER")) << measure;
  }
}

TEST(EvidenceRecord, WithoutARequirementIsAMistakeOfUsage) {
  Scripted program;
  EXPECT_EQ(
      program.run({"evidence", "record", "--kind", "k", "--result", "passed", "--summary", "s"})
          .exit_code,
      2);
}

}  // namespace
}  // namespace vigie::cli
