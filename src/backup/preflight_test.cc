#include "backup/preflight.h"

#include <gtest/gtest.h>

namespace vigie::backup {
namespace {

SourceFacts healthy() {
  SourceFacts facts;
  facts.server.version_num = 150018;
  facts.tables = {{16384, "public", "orders"}};
  return facts;
}

std::vector<ErrorCode> codes(const std::vector<Finding>& findings) {
  std::vector<ErrorCode> out;
  out.reserve(findings.size());
  for (const Finding& finding : findings) out.push_back(finding.error.code());
  return out;
}

TEST(JudgeSource, FindsNothingInAHealthyOne) {
  EXPECT_TRUE(judge_source(healthy(), {}).empty());
}

TEST(JudgeSource, BlocksOnATableThatCannotBeRead) {
  SourceFacts facts = healthy();
  facts.tables[0].readable = false;
  const auto findings = judge_source(facts, {.database = "app"});
  ASSERT_EQ(codes(findings), std::vector{ErrorCode::table_not_readable});
  EXPECT_EQ(blocking(findings), &findings[0]);
  EXPECT_EQ(findings[0].error.parameter("object"), "\"public\".\"orders\"");
}

TEST(JudgeSource, BlocksOnASequenceThatCannotBeRead) {
  SourceFacts facts = healthy();
  facts.unreadable_sequences = 1;
  facts.unreadable_sequence = "public.numbers";
  const auto findings = judge_source(facts, {.database = "app"});
  ASSERT_EQ(codes(findings), std::vector{ErrorCode::table_not_readable});
  EXPECT_EQ(findings[0].error.parameter("object"), "public.numbers");
}

TEST(JudgeSource, BlocksOnRowSecurity) {
  SourceFacts facts = healthy();
  facts.tables[0].row_security = true;
  EXPECT_EQ(codes(judge_source(facts, {})), std::vector{ErrorCode::row_security_applies});
}

TEST(JudgeSource, WarnsOfWhatTheDumpWillLackAndNotOfWhatLivesElsewhere) {
  SourceFacts facts = healthy();
  facts.not_included = {{"rows of a foreign table", "far", ""},
                        {"rows of a materialised view", "sums", ""}};
  EXPECT_TRUE(judge_source(facts, {}).empty());
  facts.not_included.push_back({"subscription", "from_head_office", ""});
  const auto findings = judge_source(facts, {.database = "app"});
  ASSERT_EQ(codes(findings), std::vector{ErrorCode::not_included});
  EXPECT_EQ(blocking(findings), nullptr);
  EXPECT_EQ(findings[0].error.parameter("object"), "subscription from_head_office");
}

TEST(JudgeSource, BlocksOnAPooler) {
  SourceFacts facts = healthy();
  facts.pooled = true;
  EXPECT_EQ(codes(judge_source(facts, {})), std::vector{ErrorCode::pooler_in_between});
}

TEST(JudgeSource, BlocksBeyondTheLimitOfLargeObjects) {
  SourceFacts facts = healthy();
  facts.large_objects = 11;
  EXPECT_EQ(codes(judge_source(facts, {.large_objects_limit = 10})),
            std::vector{ErrorCode::large_objects_limit});
}

TEST(JudgeSource, OnlyWarnsOutsideTheTestedRange) {
  SourceFacts facts = healthy();
  facts.server.version_num = 90600;
  const auto findings = judge_source(facts, {});
  ASSERT_EQ(codes(findings), std::vector{ErrorCode::unsupported_server});
  EXPECT_EQ(blocking(findings), nullptr);
}

TEST(JudgeSpace, StopsBelowTheReserve) {
  const auto findings = judge_space({"local", 100_GiB, 10_GiB, 15_GiB, 0_MiB});
  EXPECT_NE(blocking(findings), nullptr);
}
TEST(JudgeSpace, WarnsWhenTheEstimateDoesNotFit) {
  const auto findings = judge_space({"local", 100_GiB, 20_GiB, 15_GiB, 6_GiB});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(blocking(findings), nullptr);
}
TEST(JudgeSpace, IsContentWhenItFits) {
  EXPECT_TRUE(judge_space({"local", 100_GiB, 30_GiB, 15_GiB, 6_GiB}).empty());
}

}  // namespace
}  // namespace vigie::backup
