#include "jobs/due_plan.h"

#include <algorithm>
#include <deque>

namespace vigie::jobs {
namespace {

constexpr Duration kLookBack = std::chrono::days(366);
constexpr Duration kFirstLook = std::chrono::hours(1);

struct Past {
  std::deque<SystemTime> due;  // the newest kMissedListed + 1
  bool older_left_out = false;
};

Past walk(const ScheduleFn& next, SystemTime from, SystemTime now) {
  Past past;
  for (auto due = next(from); due && *due <= now; due = next(*due)) {
    past.due.push_back(*due);
    if (past.due.size() <= kMissedListed + 1) continue;
    past.due.pop_front();
    past.older_left_out = true;
  }
  return past;
}

// Looks back twice as far each time, until it has enough: a schedule of every second after a year
// costs an hour's steps, not a year's.
Past past_due(const ScheduleFn& next, SystemTime last_due, SystemTime now) {
  const SystemTime oldest = std::max(last_due, now - kLookBack);
  for (Duration look = kFirstLook;; look *= 2) {
    const SystemTime from = std::max(oldest, now - look);
    Past past = walk(next, from, now);
    if (from != oldest && !past.older_left_out) continue;
    past.older_left_out = past.older_left_out || oldest != last_due;
    return past;
  }
}

}  // namespace

DuePlan plan_due(const ScheduledJob& job, SystemTime last_due, SystemTime now) {
  DuePlan plan;
  plan.clock_went_back = last_due > now + kClockTolerance;
  plan.next = job.next(plan.clock_went_back ? now : std::max(now, last_due));
  if (plan.clock_went_back || last_due >= now) return plan;
  Past past = past_due(job.next, last_due, now);
  if (past.due.empty()) return plan;
  const SystemTime newest = past.due.back();
  past.due.pop_back();
  plan.down.assign(past.due.begin(), past.due.end());
  plan.older_left_out = past.older_left_out;
  const bool late = job.window && now > newest + *job.window && job.catch_up == CatchUp::wait;
  (late ? plan.window : plan.run) = newest;
  return plan;
}

}  // namespace vigie::jobs
