// When a job of vigie.yaml runs, and for how long.
#pragma once

#include <optional>

#include "base/yaml_fields.h"
#include "jobs/schedule.h"
#include "platform/time_zone.h"

namespace vigie::jobs {

// A run that could start only after its window: wait for the next due time, or start at once.
enum class CatchUp : unsigned char { wait, now };

struct TimingOptions {
  std::optional<Schedule> schedule;  // none: only by hand
  platform::TimeZone zone;           // of the schedule; UTC by default
  std::optional<Duration> window;    // how long after its due time a run may start; none: any time
  CatchUp catch_up = CatchUp::wait;
  Duration timeout = std::chrono::hours(4);  // of one run
  Place schedule_place;                      // for cross checks
  Place window_place;

  // Takes schedule, time_zone, window, catch_up and timeout out of a job's mapping.
  static TimingOptions parse(yaml::Fields& fields);
};

}  // namespace vigie::jobs
