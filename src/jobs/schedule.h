// When a job is due: five cron fields, @daily and the like, or "every 10m". Pure functions of the
// schedule, the zone and the time that is given.
//
// Fields: minute hour day-of-month month day-of-week; `*`, numbers, names (jan, mon), ranges a-b,
// steps /n, lists. Sunday is 0 and 7. As Vixie cron: when both day fields are restricted, either is
// enough; a field that begins with `*` is not restricted (but its step still counts).
//
// Summer time: a fixed hour follows the clock on the wall: a time that does not exist is due once,
// at the next instant that does; a time that comes twice is due the first time only. An hour field
// that begins with `*` follows elapsed time: due whenever the clock shows it. "every" counts from
// 1970-01-01T00:00:00Z, so that a restart does not shift it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "platform/time_zone.h"

namespace vigie::jobs {

class Schedule {
 public:
  // Errors: schedule_invalid (`field` says which, `expected` what), also for a date that never
  // comes, such as 30 February. `every` is 1 s to 366 days.
  static Result<Schedule> parse(std::string_view text);

  const std::string& text() const { return text_; }

  // The first due time after `after`. Nothing when it is more than 50 years away.
  std::optional<SystemTime> next_after(const platform::TimeZone& zone, SystemTime after) const;

  // The last due time of the day on the wall on which `time` lies; of a day on which the clock is
  // not changed, and that has due times. Nothing: it is changed.
  std::optional<SystemTime> last_of_even_day(const platform::TimeZone& zone, SystemTime time) const;
  // Of "every"; zero for the others.
  Duration period() const { return every_; }

  bool operator==(const Schedule&) const = default;

 private:
  using LocalMinutes = std::chrono::local_time<std::chrono::minutes>;

  bool day_matches(std::chrono::local_days day) const;
  std::optional<LocalMinutes> next_match(LocalMinutes from) const;
  std::optional<SystemTime> next_on_wall(const platform::TimeZone& zone, SystemTime after) const;
  std::optional<SystemTime> next_elapsed(const platform::TimeZone& zone, SystemTime after) const;
  SystemTime next_period(SystemTime after) const;
  Result<> parse_cron(std::string_view text);

  std::string text_;
  Duration every_{0};  // zero: the fields below, one bit a value
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t month_days_ = 0;
  uint64_t months_ = 0;
  uint64_t week_days_ = 0;
  bool any_hour_ = false;
  bool any_month_day_ = false;
  bool any_week_day_ = false;
};

// The next `count` due times after `after`, in order.
std::vector<SystemTime> next_times(const Schedule& schedule, const platform::TimeZone& zone,
                                   SystemTime after, size_t count);

// The shortest and the longest time between two due times, of which the earlier is at most `within`
// after `from`, or the first of all. Nothing when there are no two. Thirty years, because a leap
// day falls on the same weekday again after 28.
struct Gaps {
  Duration shortest{0};
  Duration longest{0};
};
std::optional<Gaps> gaps(const Schedule& schedule, const platform::TimeZone& zone, SystemTime from,
                         Duration within = std::chrono::days(366 * 30));

}  // namespace vigie::jobs
