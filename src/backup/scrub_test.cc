#include "backup/scrub.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

const SystemTime kMidnight{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)};

ScrubCandidate candidate(int number, SystemTime last_read, Duration period = days(7)) {
  return {{"nightly", "app", kMidnight - days(100) + number * 1h}, last_read, period, {}};
}

std::optional<BackupId> due(const std::vector<ScrubCandidate>& all, SystemTime now) {
  return due_scrub(all, now, std::nullopt);
}

TEST(Scrub, ReadsInTheNightBeforeItFallsDue) {
  const std::vector all{candidate(1, kMidnight - days(7) + 12h)};  // due at noon
  EXPECT_FALSE(due(all, kMidnight - 3h));
  EXPECT_TRUE(due(all, kMidnight - 1h));
  EXPECT_TRUE(due(all, kMidnight + 5h));
  EXPECT_FALSE(due(all, kMidnight + 13h)) << "by day, and not a day late";
}

TEST(Scrub, WhatIsADayLateIsReadByDay) {
  const std::vector all{candidate(1, kMidnight - days(8))};
  EXPECT_TRUE(due(all, kMidnight + 13h));
}

TEST(Scrub, AShortPeriodKnowsNoNight) {
  const std::vector all{candidate(1, kMidnight + 11h, 1h)};
  EXPECT_FALSE(due(all, kMidnight + 11h + 59min));
  EXPECT_TRUE(due(all, kMidnight + 12h));
}

TEST(Scrub, TheEarliestComesFirst) {
  const std::vector all{candidate(1, kMidnight - days(8)), candidate(2, kMidnight - days(9))};
  EXPECT_EQ(due(all, kMidnight), all[1].id);
}

TEST(Scrub, TheNightIsTheJobsOwn) {
  std::vector all{candidate(1, kMidnight - days(7) + 12h)};
  all[0].zone = platform::TimeZone::find("Asia/Tokyo").value();
  EXPECT_FALSE(due(all, kMidnight + 1h)) << "ten in the morning";
  EXPECT_TRUE(due(all, kMidnight - 10h)) << "eleven at night";
}

// Looked at every 15 s, as the daemon does: how many are read on which day, and when the last is.
TEST(Scrub, APileThatFallsDueAtOnceIsSpreadOverThePeriodAndEachIsReadOnce) {
  std::vector<ScrubCandidate> all;
  all.reserve(70);
  for (int number = 0; number < 70; ++number) all.push_back(candidate(number, kMidnight - days(7)));
  std::map<int, int> a_night;
  std::optional<SystemTime> last;
  for (SystemTime now = kMidnight - 4h; now < kMidnight + days(8); now += 15s) {
    const auto next = due_scrub(all, now, last);
    if (!next) continue;
    last = now;
    ++a_night[int((now - (kMidnight - 12h)) / days(1))];
    const auto found = std::ranges::find(all, *next, &ScrubCandidate::id);
    found->last_read = now;
    if (now - kMidnight > days(6)) break;  // the second round begins
  }
  EXPECT_GT(a_night.size(), 2U);
  for (const auto& [night, count] : a_night) EXPECT_LE(count, 31) << night;
  for (const auto& one : all) EXPECT_GT(one.last_read, kMidnight - 4h) << one.id.str();
}

TEST(Scrub, AClockThatWentBackwardsDoesNotStopIt) {
  const std::vector all{candidate(1, kMidnight - days(9))};
  EXPECT_TRUE(due_scrub(all, kMidnight, kMidnight + days(3)));
}

}  // namespace
}  // namespace vigie::backup
