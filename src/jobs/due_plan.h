// What is due: a pure function of a schedule, of what was dealt with, and of now.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "jobs/scheduler.h"

namespace vigie::jobs {

struct DuePlan {
  bool clock_went_back = false;   // then only `next` is set, counted from now
  std::vector<SystemTime> down;   // missed while nobody looked, in order; the newest kMissedListed
  bool older_left_out = false;    // there were more
  std::optional<SystemTime> run;  // start this one now
  std::optional<SystemTime> window;  // or this one is missed: its window has passed
  std::optional<SystemTime> next;    // the first due time after now and after last_due
};

// `last_due`: due times up to and with it are dealt with. Looks back a year at most.
DuePlan plan_due(const ScheduledJob& job, SystemTime last_due, SystemTime now);

}  // namespace vigie::jobs
