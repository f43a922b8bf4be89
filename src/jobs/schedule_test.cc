#include "jobs/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

SystemTime at(std::string_view text) {
  return *parse_rfc3339(text);
}

platform::TimeZone zone(std::string_view name) {
  return *platform::TimeZone::find(name);
}

std::vector<std::string> next(std::string_view schedule, std::string_view zone_name,
                              std::string_view after, size_t count) {
  std::vector<std::string> out;
  for (const SystemTime time :
       next_times(*Schedule::parse(schedule), zone(zone_name), at(after), count))
    out.push_back(format_rfc3339(time));
  return out;
}

using Times = std::vector<std::string>;

TEST(Schedule, FixedHourFollowsTheZone) {
  EXPECT_EQ(next("0 2 * * *", "Europe/Paris", "2026-11-20T00:00:00Z", 2),
            (Times{"2026-11-20T01:00:00Z", "2026-11-21T01:00:00Z"}));
}
TEST(Schedule, ADueTimeIsNotAfterItself) {
  EXPECT_EQ(next("0 2 * * *", "UTC", "2026-11-20T02:00:00Z", 1), (Times{"2026-11-21T02:00:00Z"}));
}
TEST(Schedule, HourThatDoesNotExistIsDueOnceAtTheNextInstant) {
  EXPECT_EQ(next("30 2 * * *", "Europe/Paris", "2026-03-28T12:00:00Z", 2),
            (Times{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}));
}
TEST(Schedule, SeveralMissingTimesAreDueOnce) {
  EXPECT_EQ(next("0,15,30 2,3 * * *", "Europe/Paris", "2026-03-28T12:00:00Z", 3),
            (Times{"2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z"}));
}
TEST(Schedule, HourThatComesTwiceIsDueOnce) {
  EXPECT_EQ(next("30 2 * * *", "Europe/Paris", "2026-10-24T12:00:00Z", 2),
            (Times{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}));
}
TEST(Schedule, AfterTheFirstOfTwoTheSecondIsNotDue) {
  EXPECT_EQ(next("30 2 * * *", "Europe/Paris", "2026-10-25T00:30:00Z", 1),
            (Times{"2026-10-26T01:30:00Z"}));
}
TEST(Schedule, WildcardHourFollowsElapsedTimeOverAnOverlap) {
  EXPECT_EQ(next("30 * * * *", "Europe/Paris", "2026-10-25T00:00:00Z", 3),
            (Times{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}));
}
TEST(Schedule, WildcardHourFollowsElapsedTimeOverAGap) {
  EXPECT_EQ(next("30 * * * *", "Europe/Paris", "2026-03-29T00:00:00Z", 3),
            (Times{"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"}));
}
TEST(Schedule, WildcardHourIsDueAtTheInstantOfTheJump) {
  EXPECT_EQ(next("0 * * * *", "Europe/Paris", "2026-03-29T00:30:00Z", 1),
            (Times{"2026-03-29T01:00:00Z"}));
}
TEST(Schedule, HalfHourSummerTime) {
  // Lord Howe: on 5 April 2026 at 02:00 (+11) the clock goes back to 01:30 (+10:30).
  EXPECT_EQ(next("45 1 * * *", "Australia/Lord_Howe", "2026-04-04T12:00:00Z", 2),
            (Times{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}));
}
TEST(Schedule, QuarterHourOffset) {
  EXPECT_EQ(next("0 2 * * *", "Asia/Kathmandu", "2026-11-20T00:00:00Z", 1),
            (Times{"2026-11-20T20:15:00Z"}));
}
TEST(Schedule, DayOfMonthOrDayOfWeekWhenBothAreRestricted) {
  EXPECT_EQ(next("0 0 13 * fri", "UTC", "2026-11-10T00:00:00Z", 3),
            (Times{"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z"}));
}
TEST(Schedule, SteppedStarStillRestrictsTogetherWithTheOtherDayField) {
  // As Vixie cron: */2 begins with a star, so that both must match.
  EXPECT_EQ(next("0 0 */2 * mon", "UTC", "2026-11-01T12:00:00Z", 2),
            (Times{"2026-11-09T00:00:00Z", "2026-11-23T00:00:00Z"}));
}
TEST(Schedule, SundayIsSevenToo) {
  EXPECT_EQ(next("0 0 * * 7", "UTC", "2026-11-20T00:00:00Z", 1), (Times{"2026-11-22T00:00:00Z"}));
}
TEST(Schedule, NamesAndRanges) {
  EXPECT_EQ(next("0 0 1 JAN-feb *", "UTC", "2026-11-20T00:00:00Z", 3),
            (Times{"2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z", "2028-01-01T00:00:00Z"}));
}
TEST(Schedule, ValueWithStepGoesOnToTheEnd) {
  EXPECT_EQ(next("50/5 0 * * *", "UTC", "2026-11-20T00:00:00Z", 2),
            (Times{"2026-11-20T00:50:00Z", "2026-11-20T00:55:00Z"}));
}
TEST(Schedule, LeapDay) {
  EXPECT_EQ(next("0 0 29 feb *", "UTC", "2026-11-20T00:00:00Z", 2),
            (Times{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}));
}
TEST(Schedule, EveryIsCountedFromTheEpoch) {
  EXPECT_EQ(next("every 10m", "Europe/Paris", "2026-11-20T00:03:20Z", 2),
            (Times{"2026-11-20T00:10:00Z", "2026-11-20T00:20:00Z"}));
}
TEST(Schedule, MacrosMeanTheirFields) {
  EXPECT_EQ(next("@weekly", "UTC", "2026-11-20T00:00:00Z", 1),
            next("0 0 * * 0", "UTC", "2026-11-20T00:00:00Z", 1));
}

TEST(Schedule, RefusesWhatIsNotOne) {
  for (const char* text : {"",
                           "* * * *",
                           "* * * * * *",
                           "60 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * 32 * *",
                           "* * * 13 *",
                           "* * * * 8",
                           "5-1 * * * *",
                           "*/0 * * * *",
                           "*/99 * * * *",
                           "a * * * *",
                           ", * * * *",
                           "1,, * * * *",
                           "-1 * * * *",
                           "1- * * * *",
                           "/5 * * * *",
                           "1/ * * * *",
                           "@reboot",
                           "@DAILY",
                           "every",
                           "every 0s",
                           "every 500ms",
                           "every 400d",
                           "every 10",
                           "+1 * * * *",
                           "0 0 30 feb *",
                           "0 0 31 4,6,9,11 *",
                           "** * * * *",
                           "99999999999 * * * *"}) {
    const auto schedule = Schedule::parse(text);
    ASSERT_FALSE(schedule) << text;
    EXPECT_EQ(schedule.error().code(), ErrorCode::schedule_invalid) << text;
  }
}
TEST(Schedule, RefusalNamesTheField) {
  EXPECT_EQ(Schedule::parse("0 25 * * *").error().parameter("field"), "hour");
}

TEST(Gaps, FindsTheWeekend) {
  const auto found = gaps(*Schedule::parse("0 2 * * mon-fri"), {}, at("2026-11-20T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(24h));
  EXPECT_EQ(found->longest, Duration(72h));
}
TEST(Gaps, OfLeapDaysAreAtMostEightYears) {
  const auto found = gaps(*Schedule::parse("0 0 29 2 *"), {}, at("2076-01-01T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(24h * 1461));
  EXPECT_EQ(found->longest, Duration(24h * 2921));
}
TEST(Gaps, SeesTheWeeksBetweenMinutes) {
  const auto found =
      gaps(*Schedule::parse("* * 1-7 * *"), zone("Europe/Paris"), at("2026-01-01T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(1min));
  // From 7 October to 1 November, with the hour that comes twice.
  EXPECT_EQ(found->longest, Duration(24 * 24h + 1h + 1min));
}
TEST(Gaps, OfLeapDaysAreFourYears) {
  const auto found = gaps(*Schedule::parse("0 0 29 2 *"), {}, at("2026-01-01T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(24h * 1461));
  EXPECT_EQ(found->longest, Duration(24h * 1461));
}
TEST(Gaps, OfALeapDayOrItsMondaysAreAlmostAYear) {
  const auto found = gaps(*Schedule::parse("0 0 29 2 1"), {}, at("2026-01-01T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(24h));
  EXPECT_EQ(found->longest, Duration(24h * 350));
}
TEST(Gaps, OfLeapDaysOnASundayAreTwentyEightYears) {
  const auto found = gaps(*Schedule::parse("0 0 29 2 */7"), {}, at("2026-01-01T00:00:00Z"));
  EXPECT_EQ(found->longest, Duration(24h * 10227));
}
TEST(Gaps, OfAPeriodAreThePeriod) {
  const auto found = gaps(*Schedule::parse("every 10m"), {}, at("2026-01-01T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(10min));
  EXPECT_EQ(found->longest, Duration(10min));
}
TEST(Gaps, SeesSummerTime) {
  const auto found =
      gaps(*Schedule::parse("0 2 * * *"), zone("Europe/Paris"), at("2026-11-20T00:00:00Z"));
  EXPECT_EQ(found->shortest, Duration(23h));
  EXPECT_EQ(found->longest, Duration(25h));
}

}  // namespace
}  // namespace vigie::jobs
