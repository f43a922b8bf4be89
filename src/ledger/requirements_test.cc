#include "ledger/requirements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "ledger/entry.h"
#include "ledger/newest.h"
#include "ledger/requirements_options.h"

namespace vigie::ledger {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Parsed {
  std::vector<Requirement> all;
  std::vector<std::string> mistakes;
};

template <class Text>
std::vector<std::string> texts_of(const Text& problems) {
  std::vector<std::string> texts;
  for (const Problem& one : problems.sorted()) texts.push_back(one.text("f"));
  return texts;
}

Parsed parse(std::string_view text) {
  Problems problems("f");
  const auto document = yaml::parse(text, problems);
  Parsed parsed;
  if (document) parsed.all = parse_requirements(*document, problems);
  parsed.mistakes = texts_of(problems);
  return parsed;
}

TEST(Requirements, AreReadWithAllThatTheySay) {
  const auto parsed = parse(
      "requirements:\n  - {id: A-1, text: Something holds, validated_by: [backup, x_1], "
      "contradicted_by: [scrub], max_age: 26h, required: false}\n");
  EXPECT_THAT(parsed.mistakes, ElementsAre());
  ASSERT_EQ(parsed.all.size(), 1u);
  const Requirement& one = parsed.all.front();
  EXPECT_EQ(one.id, "A-1");
  EXPECT_EQ(one.text, "Something holds");
  EXPECT_THAT(one.validated_by, ElementsAre("backup", "x_1"));
  EXPECT_THAT(one.contradicted_by, ElementsAre("scrub"));
  EXPECT_EQ(one.max_age, std::chrono::hours(26));
  EXPECT_FALSE(one.required);
}

TEST(Requirements, EachMistakeHasItsPlace) {
  const auto parsed = parse(
      "requirements:\n"
      "  - {id: -x, text: t, validated_by: [backup], max_age: 1d}\n"
      "  - {id: B, text: t, validated_by: [], max_age: 1d}\n"
      "  - {id: C, text: t, validated_by: [Back up], max_age: 1d}\n"
      "  - {id: D, validated_by: [backup], max_age: soon}\n"
      "  - {id: E, text: t, validated_by: [backup], max_age: 1d, maxage: 1d}\n"
      "  - {id: E, text: t, validated_by: [backup], max_age: 1d}\n");
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("f:2:10: requirements.id")));
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("f:3:36: requirements.validated_by")));
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("f:4:37: requirements.validated_by")));
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("f:5:5: requirements.text is missing")));
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("f:5:46: requirements.max_age")));
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("requirements.maxage is not a key here")));
  EXPECT_THAT(parsed.mistakes, Contains(HasSubstr("each id once")));
}

TEST(Requirements, OfAFileThatIsNoneAreNone) {
  for (const char* text : {"", "[]", "requirements: 3", "requirements: {}", "other: []"}) {
    const auto parsed = parse(text);
    EXPECT_TRUE(parsed.all.empty()) << text;
    EXPECT_FALSE(parsed.mistakes.empty()) << text;
  }
}

TEST(Requirements, OfAKindAreThoseThatNameIt) {
  const auto ids = requirements_of(kind::kMissedRun);
  EXPECT_THAT(std::vector<std::string>(ids.begin(), ids.end()), ElementsAre("REQ-BAK-1"));
  const auto contracts = requirements_of(kind::kStatusContract);
  EXPECT_THAT(std::vector<std::string>(contracts.begin(), contracts.end()),
              ElementsAre("REQ-API-6", "REQ-BAK-4", "REQ-OPS-1"));
  EXPECT_TRUE(requirements_of("no_such_kind").empty());
}

// Else nobody could pass the gate: a kind that this release does not write comes from outside, if
// at all. REQ-API-6 waits for a route.
TEST(Requirements, OfTheGateCanBeMetByThisRelease) {
  for (const Requirement& one : shipped_requirements()) {
    const bool all_own = std::ranges::all_of(one.validated_by, is_own_kind);
    EXPECT_EQ(one.required, all_own && one.id != "REQ-API-6") << one.id;
  }
}

struct Settled {
  RequirementsOptions options;
  std::vector<std::string> mistakes;
};

Settled settle(std::string_view text) {
  Problems problems("f");
  const auto document = yaml::parse(text, problems);
  Settled settled{RequirementsOptions::parse(*document, problems), {}};
  settled.options.settle(problems);
  settled.mistakes = texts_of(problems);
  return settled;
}

TEST(RequirementsOptions, WithoutAnythingAreTheShippedOnes) {
  const auto settled = settle("{}");
  EXPECT_THAT(settled.mistakes, ElementsAre());
  EXPECT_EQ(settled.options.all.size(), shipped_requirements().size());
}

TEST(RequirementsOptions, TheGateNamesWhatIsRequired) {
  const auto settled = settle("gate: [REQ-BAK-1, REQ-DRF-5]");
  EXPECT_THAT(settled.mistakes, ElementsAre());
  for (const Requirement& one : settled.options.all)
    EXPECT_EQ(one.required, one.id == "REQ-BAK-1" || one.id == "REQ-DRF-5") << one.id;
}

TEST(RequirementsOptions, AWaiverSaysWhoWhyAndUntilWhen) {
  const auto settled =
      settle("waivers:\n- {id: REQ-DUR-1, by: CTO, why: no window before May, until: 2027-05-31}");
  EXPECT_THAT(settled.mistakes, ElementsAre());
  ASSERT_EQ(settled.options.waivers.size(), 1u);
  const Waiver& waiver = settled.options.waivers.front();
  EXPECT_EQ(waiver.by, "CTO");
  EXPECT_EQ(waiver.why, "no window before May");
  EXPECT_EQ(waiver.until, std::chrono::year(2027) / 5 / 31);
}

TEST(RequirementsOptions, AWaiverWithoutOneOfThemIsAMistake) {
  for (const char* left_out : {"by", "why", "until", "id"}) {
    std::string text = "waivers:\n- {";
    for (const auto& [key, value] : {std::pair("id", "REQ-BAK-1"), std::pair("by", "a"),
                                     std::pair("why", "b"), std::pair("until", "2027-01-01")})
      if (std::string_view(key) != left_out) text += fmt::format("{}: {}, ", key, value);
    const auto settled = settle(text + "}");
    EXPECT_THAT(settled.mistakes, ElementsAre(HasSubstr(fmt::format("{} is missing", left_out))));
  }
}

TEST(RequirementsOptions, ADayThatIsNoneIsAMistake) {
  for (const char* until : {"soon", "2027-02-30", "2027-2-3", "27-02-03", "2027-02-03T00:00:00Z"}) {
    const auto settled =
        settle(fmt::format("waivers: [{{id: REQ-BAK-1, by: a, why: b, until: \"{}\"}}]", until));
    EXPECT_THAT(settled.mistakes, ElementsAre(HasSubstr("waivers.until"))) << until;
  }
}

TEST(RequirementsOptions, WhatNamesNoRequirementIsAMistake) {
  const auto settled =
      settle("gate: [REQ-BAK-11]\nwaivers: [{id: REQ-BACK-1, by: a, why: b, until: 2027-01-01}]");
  EXPECT_THAT(settled.mistakes,
              ElementsAre(HasSubstr("f:1:8: requirements.gate names no requirement"),
                          HasSubstr("f:2:11: requirements.waivers names no requirement")));
  EXPECT_THAT(settled.mistakes, Contains(HasSubstr("did you mean REQ-BAK-1")));
}

TEST(RequirementsOptions, TwoWaiversOfOneRequirementAreAMistake) {
  const std::string waiver = "{id: REQ-BAK-1, by: a, why: b, until: 2027-01-01}";
  EXPECT_THAT(settle("waivers: [" + waiver + ", " + waiver + "]").mistakes,
              ElementsAre(HasSubstr("one waiver of each requirement")));
}

}  // namespace
}  // namespace vigie::ledger
