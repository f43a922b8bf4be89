// When a job's preflight is due: an hour before its backup, so that what it finds can be mended.
#pragma once

#include "jobs/options.h"
#include "jobs/scheduler.h"

namespace vigie::daemon {

inline constexpr Duration kPreflightLead = std::chrono::hours(1);

inline jobs::ScheduleFn preflight_times(jobs::ScheduleFn backups) {
  return [backups = std::move(backups)](SystemTime after) {
    const auto due = backups(after + kPreflightLead);
    return due ? std::optional(*due - kPreflightLead) : std::nullopt;
  };
}

// Not for a job that runs more often: its last run has just told.
inline bool has_preflight(const jobs::ScheduleFn& backups, SystemTime now) {
  const auto first = backups(now);
  const auto second = first ? backups(*first) : std::nullopt;
  return second && *second - *first >= 2 * kPreflightLead;
}

}  // namespace vigie::daemon
