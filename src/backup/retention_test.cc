#include "backup/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace vigie::backup {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Candidates = std::vector<RetentionCandidate>;
using Plan = std::vector<RetentionDecision>;

platform::TimeZone paris() {
  return *platform::TimeZone::find("Europe/Paris");
}

Candidates at(std::initializer_list<std::string_view> times) {
  Candidates out;
  for (const std::string_view time : times)
    out.push_back({std::string(time), *parse_rfc3339(time), {}});
  return out;
}

std::vector<std::string> kept(const Plan& plan) {
  std::vector<std::string> out;
  for (const RetentionDecision& decision : plan) {
    if (decision.keep) out.push_back(decision.id);
  }
  return out;
}

RetentionOptions only(int RetentionOptions::*rule, int count) {
  RetentionOptions options{0, 0, 0, 0, 0, 0, 1};
  options.*rule = count;
  return options;
}

TEST(Retention, KeepsTheNewestOfEachDay) {
  const auto plan =
      plan_retention(at({"2026-11-18T02:00:00Z", "2026-11-18T14:00:00Z", "2026-11-19T02:00:00Z",
                         "2026-11-20T02:00:00Z", "2026-11-20T03:00:00Z"}),
                     only(&RetentionOptions::daily, 3), {});
  EXPECT_THAT(kept(plan),
              ElementsAre("2026-11-20T03:00:00Z", "2026-11-19T02:00:00Z", "2026-11-18T14:00:00Z"));
}
TEST(Retention, CountsOnlyDaysThatHaveOne) {
  const auto plan = plan_retention(at({"2020-01-01T02:00:00Z", "2026-11-20T02:00:00Z"}),
                                   only(&RetentionOptions::daily, 2), {});
  EXPECT_THAT(kept(plan), ElementsAre("2026-11-20T02:00:00Z", "2020-01-01T02:00:00Z"));
}
TEST(Retention, DaysAreThoseOfTheZone) {
  // 23:30Z on the 19th is the 20th in Paris.
  const auto plan = plan_retention(at({"2026-11-19T23:30:00Z", "2026-11-20T02:00:00Z"}),
                                   only(&RetentionOptions::daily, 2), paris());
  EXPECT_THAT(kept(plan), ElementsAre("2026-11-20T02:00:00Z"));
}
TEST(Retention, AnHourThatComesTwiceIsTwoHours) {
  const auto plan = plan_retention(at({"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"}),
                                   only(&RetentionOptions::hourly, 2), paris());
  EXPECT_THAT(kept(plan), ElementsAre("2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z"));
}
TEST(Retention, WeeksAreIsoWeeksAcrossTheYear) {
  // Thursday 31 December 2026 and Sunday 3 January 2027 lie in week 2026-W53.
  const auto plan =
      plan_retention(at({"2026-12-27T02:00:00Z", "2026-12-31T02:00:00Z", "2027-01-03T02:00:00Z"}),
                     only(&RetentionOptions::weekly, 2), {});
  EXPECT_THAT(kept(plan), ElementsAre("2027-01-03T02:00:00Z", "2026-12-27T02:00:00Z"));
  EXPECT_THAT(plan.front().reasons, Contains("newest of the week 2026-W53"));
}
TEST(Retention, MonthsAndYears) {
  const auto some = at({"2024-12-31T12:00:00Z", "2025-01-01T12:00:00Z", "2025-01-31T12:00:00Z"});
  EXPECT_THAT(kept(plan_retention(some, only(&RetentionOptions::monthly, 2), {})),
              ElementsAre("2025-01-31T12:00:00Z", "2024-12-31T12:00:00Z"));
  EXPECT_THAT(kept(plan_retention(some, only(&RetentionOptions::yearly, 1), {})),
              ElementsAre("2025-01-31T12:00:00Z"));
}
TEST(Retention, NeverExpiresTheLastOneWhateverTheOptionsSay) {
  const RetentionOptions nothing{0, 0, 0, 0, 0, 0, 0};
  EXPECT_THAT(
      kept(plan_retention(at({"2026-11-19T02:00:00Z", "2026-11-20T02:00:00Z"}), nothing, {})),
      ElementsAre("2026-11-20T02:00:00Z"));
}
TEST(Retention, HeldIsKeptWithItsReason) {
  Candidates some = at({"2026-11-19T02:00:00Z", "2026-11-20T02:00:00Z"});
  some[0].holds = {"pinned: before the migration"};
  const auto plan = plan_retention(some, only(&RetentionOptions::keep_last, 1), {});
  EXPECT_TRUE(plan[1].keep);
  EXPECT_THAT(plan[1].reasons, ElementsAre("held: pinned: before the migration"));
}
TEST(Retention, ExpiryHasAReasonToo) {
  const auto plan = plan_retention(at({"2026-11-19T02:00:00Z", "2026-11-20T02:00:00Z"}),
                                   only(&RetentionOptions::keep_last, 1), {});
  EXPECT_FALSE(plan[1].keep);
  EXPECT_THAT(plan[1].reasons, ElementsAre("no rule keeps it"));
}
TEST(Retention, NothingGivesNothing) {
  EXPECT_THAT(plan_retention({}, {}, {}), IsEmpty());
}
TEST(Retention, FrozenPlanExpiresNothing) {
  auto plan = plan_retention(at({"2026-11-19T02:00:00Z", "2026-11-20T02:00:00Z"}),
                             only(&RetentionOptions::keep_last, 1), {});
  plan = freeze(std::move(plan), "a backup looks odd");
  EXPECT_EQ(kept(plan).size(), 2U);
  EXPECT_THAT(plan[1].reasons, ElementsAre("nothing expires now: a backup looks odd"));
}
TEST(Retention, OptionsInWords) {
  EXPECT_EQ(in_words(RetentionOptions{}), "last 3, 7 daily, 5 weekly, 12 monthly, at least 3");
}

RetentionOptions any_options() {
  const auto count = [](int max) { return *rc::gen::inRange(0, max + 1); };
  return {count(4), count(6), count(8), count(5), count(6), count(4), count(5)};
}

// Crowded on purpose: several in one hour, and stretches of several years.
Candidates any_candidates() {
  const auto count = *rc::gen::inRange(0, 60);
  const int span_hours = *rc::gen::elementOf(std::vector<int>{5, 100, 3000, 60'000});
  const SystemTime start = std::chrono::sys_days{std::chrono::year{2026} / 10 / 24};
  Candidates out;
  for (int i = 0; i < count; ++i) {
    const auto minutes = std::chrono::minutes{*rc::gen::inRange(0, span_hours * 60)};
    out.push_back({std::to_string(i), start + minutes, {}});
    if (*rc::gen::inRange(0, 10) == 0) out.back().holds = {"pinned"};
  }
  return out;
}

platform::TimeZone any_zone() {
  return *platform::TimeZone::find(*rc::gen::elementOf(
      std::vector<std::string>{"UTC", "Europe/Paris", "Australia/Lord_Howe", "Asia/Kathmandu"}));
}

std::map<std::string, bool> keeps(const Plan& plan) {
  std::map<std::string, bool> out;
  for (const RetentionDecision& decision : plan) out[decision.id] = decision.keep;
  return out;
}

RC_GTEST_PROP(RetentionProperty, KeepsAtLeastMinGoodAndAlwaysTheNewest, ()) {
  const auto candidates = any_candidates();
  const auto options = any_options();
  const auto plan = plan_retention(candidates, options, any_zone());
  RC_ASSERT(plan.size() == candidates.size());
  const auto floor =
      std::min(candidates.size(), static_cast<size_t>(std::max(1, options.min_good)));
  RC_ASSERT(kept(plan).size() >= floor);
  if (!plan.empty()) RC_ASSERT(plan.front().keep);
}

RC_GTEST_PROP(RetentionProperty, HeldNeverExpires, ()) {
  const auto candidates = any_candidates();
  const auto decisions = keeps(plan_retention(candidates, any_options(), any_zone()));
  for (const RetentionCandidate& candidate : candidates) {
    if (!candidate.holds.empty()) RC_ASSERT(decisions.at(candidate.id));
  }
}

RC_GTEST_PROP(RetentionProperty, EveryDecisionHasAReason, ()) {
  for (const auto& decision : plan_retention(any_candidates(), any_options(), any_zone()))
    RC_ASSERT(!decision.reasons.empty());
}

RC_GTEST_PROP(RetentionProperty, ApplyingThePlanAndPlanningAgainExpiresNothing, ()) {
  const auto candidates = any_candidates();
  const auto options = any_options();
  const auto zone = any_zone();
  const auto decisions = keeps(plan_retention(candidates, options, zone));
  Candidates rest;
  std::ranges::copy_if(candidates, std::back_inserter(rest),
                       [&](const auto& candidate) { return decisions.at(candidate.id); });
  RC_ASSERT(kept(plan_retention(rest, options, zone)).size() == rest.size());
}

RC_GTEST_PROP(RetentionProperty, OrderOfTheCandidatesDoesNotMatter, ()) {
  auto candidates = any_candidates();
  const auto options = any_options();
  const auto zone = any_zone();
  const auto before = keeps(plan_retention(candidates, options, zone));
  // Not ranges::rotate: clang 14 does not compile libstdc++'s subrange.
  std::rotate(candidates.begin(), candidates.begin() + static_cast<long>(candidates.size() / 3),
              candidates.end());
  std::ranges::reverse(candidates);
  RC_ASSERT(keeps(plan_retention(candidates, options, zone)) == before);
}

RC_GTEST_PROP(RetentionProperty, ANewerOneNeverBringsBackAnExpiredOne, ()) {
  auto candidates = any_candidates();
  RC_PRE(!candidates.empty());
  const auto options = any_options();
  const auto zone = any_zone();
  const auto before = keeps(plan_retention(candidates, options, zone));
  const auto newest = std::ranges::max(candidates, {}, &RetentionCandidate::started_at).started_at;
  candidates.push_back({"new", newest + std::chrono::minutes{*rc::gen::inRange(1, 100'000)}, {}});
  for (const auto& decision : plan_retention(candidates, options, zone)) {
    if (decision.id != "new" && decision.keep) RC_ASSERT(before.at(decision.id));
  }
}

// Slow and obviously right: for each rule, group all by their stretch of time, take the last N
// groups, and of each the newest.
RC_GTEST_PROP(RetentionProperty, DailyRuleIsWhatGroupingByDateGives, ()) {
  auto candidates = any_candidates();
  for (auto& candidate : candidates) candidate.holds.clear();
  const int count = *rc::gen::inRange(0, 9);
  const auto zone = any_zone();
  std::map<std::chrono::local_days, std::vector<const RetentionCandidate*>> days;
  for (const auto& candidate : candidates)
    days[std::chrono::floor<std::chrono::days>(zone.to_local(candidate.started_at))].push_back(
        &candidate);
  std::multiset<SystemTime> expected;
  for (auto day = days.rbegin(); day != days.rend() && std::distance(days.rbegin(), day) < count;
       ++day)
    expected.insert(std::ranges::max(day->second, {}, &RetentionCandidate::started_at)->started_at);
  if (count == 0 && !candidates.empty())
    expected.insert(std::ranges::max(candidates, {}, &RetentionCandidate::started_at).started_at);

  std::multiset<SystemTime> found;
  for (const std::string& id :
       kept(plan_retention(candidates, only(&RetentionOptions::daily, count), zone)))
    found.insert(candidates.at(std::stoul(id)).started_at);
  RC_ASSERT(found == expected);
}

}  // namespace
}  // namespace vigie::backup
