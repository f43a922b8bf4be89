#include "daemon/preflight_times.h"

#include <gtest/gtest.h>

#include "jobs/schedule.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;

SystemTime at(std::string_view text) {
  return parse_rfc3339(text).value();
}

jobs::ScheduleFn times_of(std::string_view schedule) {
  return [parsed = *jobs::Schedule::parse(std::string(schedule))](SystemTime after) {
    return parsed.next_after({}, after);
  };
}

TEST(PreflightTimes, AreAnHourBeforeEachBackup) {
  const auto next = preflight_times(times_of("0 2 * * *"));
  EXPECT_EQ(next(at("2026-11-20T00:00:00Z")), at("2026-11-20T01:00:00Z"));
  EXPECT_EQ(next(at("2026-11-20T01:00:00Z")), at("2026-11-21T01:00:00Z")) << "each once";
  EXPECT_EQ(next(at("2026-11-20T01:30:00Z")), at("2026-11-21T01:00:00Z"))
      << "too late for this one";
}

TEST(PreflightTimes, AreForJobsThatDoNotRunAllTheTime) {
  const SystemTime now = at("2026-11-20T00:00:00Z");
  EXPECT_TRUE(has_preflight(times_of("0 2 * * *"), now));
  EXPECT_TRUE(has_preflight(times_of("every 2h"), now));
  EXPECT_FALSE(has_preflight(times_of("every 10m"), now));
}

}  // namespace
}  // namespace vigie::daemon
