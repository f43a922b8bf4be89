#include "jobs/due_plan.h"

#include <gtest/gtest.h>

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

SystemTime at(std::string_view text) {
  return *parse_rfc3339(text);
}

ScheduledJob job(std::string_view schedule) {
  ScheduledJob job;
  job.next = [parsed = *Schedule::parse(schedule)](SystemTime after) {
    return parsed.next_after({}, after);
  };
  return job;
}

ScheduledJob daily_within(Duration window, CatchUp catch_up) {
  ScheduledJob daily = job("0 2 * * *");
  daily.window = window;
  daily.catch_up = catch_up;
  return daily;
}

TEST(DuePlan, NothingIsDueBeforeTheNextDueTime) {
  const auto plan =
      plan_due(job("0 2 * * *"), at("2026-11-19T02:00:00Z"), at("2026-11-20T01:59:59Z"));
  EXPECT_FALSE(plan.run);
  EXPECT_TRUE(plan.down.empty());
  EXPECT_EQ(plan.next, at("2026-11-20T02:00:00Z"));
}

TEST(DuePlan, RunsAtItsDueTime) {
  const auto plan =
      plan_due(job("0 2 * * *"), at("2026-11-19T02:00:00Z"), at("2026-11-20T02:00:00Z"));
  EXPECT_EQ(plan.run, at("2026-11-20T02:00:00Z"));
  EXPECT_TRUE(plan.down.empty());
  EXPECT_EQ(plan.next, at("2026-11-21T02:00:00Z"));
}

TEST(DuePlan, AfterDowntimeTheNewestRunsAndTheOlderAreMissed) {
  const auto plan =
      plan_due(job("0 2 * * *"), at("2026-11-16T02:00:00Z"), at("2026-11-20T12:00:00Z"));
  EXPECT_EQ(plan.run, at("2026-11-20T02:00:00Z"));
  EXPECT_EQ(plan.down, (std::vector{at("2026-11-17T02:00:00Z"), at("2026-11-18T02:00:00Z"),
                                    at("2026-11-19T02:00:00Z")}));
  EXPECT_FALSE(plan.older_left_out);
}

TEST(DuePlan, WithinItsWindowALateRunStarts) {
  const auto plan = plan_due(daily_within(4h, CatchUp::wait), at("2026-11-19T02:00:00Z"),
                             at("2026-11-20T06:00:00Z"));
  EXPECT_EQ(plan.run, at("2026-11-20T02:00:00Z"));
}

TEST(DuePlan, AfterItsWindowALateRunIsMissed) {
  const auto plan = plan_due(daily_within(4h, CatchUp::wait), at("2026-11-19T02:00:00Z"),
                             at("2026-11-20T06:00:01Z"));
  EXPECT_FALSE(plan.run);
  EXPECT_EQ(plan.window, at("2026-11-20T02:00:00Z"));
}

TEST(DuePlan, AfterItsWindowALateRunStartsWhenItIsToCatchUp) {
  const auto plan = plan_due(daily_within(4h, CatchUp::now), at("2026-11-19T02:00:00Z"),
                             at("2026-11-20T23:00:00Z"));
  EXPECT_EQ(plan.run, at("2026-11-20T02:00:00Z"));
  EXPECT_FALSE(plan.window);
}

TEST(DuePlan, AfterAYearOfEverySecondTheNewestAreListed) {
  const auto plan =
      plan_due(job("every 1s"), at("2025-11-20T00:00:00Z"), at("2026-11-20T00:00:00Z"));
  EXPECT_EQ(plan.run, at("2026-11-20T00:00:00Z"));
  ASSERT_EQ(plan.down.size(), kMissedListed);
  EXPECT_EQ(plan.down.back(), at("2026-11-19T23:59:59Z"));
  EXPECT_TRUE(plan.older_left_out);
}

TEST(DuePlan, LooksBackAYearAtMost) {
  const auto plan =
      plan_due(job("@yearly"), at("1990-06-01T00:00:00Z"), at("2026-06-01T00:00:00Z"));
  EXPECT_EQ(plan.run, at("2026-01-01T00:00:00Z"));
  EXPECT_TRUE(plan.down.empty());
  EXPECT_TRUE(plan.older_left_out);
}

TEST(DuePlan, AClockThatWentBackFarCountsFromNow) {
  const auto plan =
      plan_due(job("0 2 * * *"), at("2026-11-20T02:00:00Z"), at("2026-11-10T12:00:00Z"));
  EXPECT_TRUE(plan.clock_went_back);
  EXPECT_FALSE(plan.run);
  EXPECT_EQ(plan.next, at("2026-11-11T02:00:00Z"));
}

TEST(DuePlan, AClockThatWentBackALittleRepeatsNothing) {
  const auto plan =
      plan_due(job("0 2 * * *"), at("2026-11-20T02:00:00Z"), at("2026-11-20T01:59:00Z"));
  EXPECT_FALSE(plan.clock_went_back);
  EXPECT_FALSE(plan.run);
  EXPECT_EQ(plan.next, at("2026-11-21T02:00:00Z"));
}

TEST(DuePlan, AScheduleThatEndsIsNeverDueAgain) {
  ScheduledJob once;
  const SystemTime only = at("2026-11-20T02:00:00Z");
  once.next = [only](SystemTime after) {
    return after < only ? std::optional(only) : std::nullopt;
  };
  EXPECT_EQ(plan_due(once, only - 1h, only + 1h).run, only);
  EXPECT_FALSE(plan_due(once, only, only + 1h).next);
}

}  // namespace
}  // namespace vigie::jobs
