// Starts runs when they are due. Due times are kept in state.db, so that a restart neither forgets
// nor repeats one.
//
// - After downtime (or sleep, or a clock that jumped ahead) the newest due time runs once, if its
//   window still allows; all older ones are reported as missed.
// - A window that has passed: with catch_up `now` it runs at once; with `wait` it is missed, and so
//   is a run that still waits for its claims when its window ends: the executor ends that one with
//   missed_run, and its hook `ended` tells, not `missed`.
// - A due time at which one run of the job is at work and one waits is missed (`overlap`).
// - A job that is new, that came back, or whose schedule changed, counts from now: nothing was
// missed.
// - A wall clock that jumped back by more than kClockTolerance: due times that are dealt with and
// lie
//   ahead of it count from now, and the view says when it was. Less is taken for an adjustment and
//   repeats nothing.
// - What cannot be started or reported now (a full disk, a full queue) is tried again every kRetry;
//   until then it stays the job's next due time in the view, ever later.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "jobs/executor.h"
#include "jobs/options.h"
#include "platform/clock.h"

namespace vigie::jobs {

// The first due time after the given one; nothing: never again.
using ScheduleFn = std::function<std::optional<SystemTime>(SystemTime after)>;

struct ScheduledJob {
  std::string job{};
  std::string kind{};
  std::string schedule{};  // its text with its zone: when it changes, due times count from now
  ScheduleFn next{};
  std::optional<Duration> window{};
  CatchUp catch_up = CatchUp::wait;
  // The run to start for this due time; called in the scheduler's thread. The scheduler sets job,
  // kind, due_at, start_before and trigger.by.
  std::function<RunRequest(SystemTime due)> request{};
};

// Due times that did not run. At least one.
struct MissedRuns {
  std::string job{};
  std::string kind{};
  std::vector<SystemTime> due{};  // in order; the newest kMissedListed
  bool older_left_out = false;    // there were more
  std::string reason{};           // down, window, overlap
  SystemTime noticed_at{};
};
inline constexpr size_t kMissedListed = 100;

struct SchedulerHooks {
  // Record it, in the scheduler's thread. An error: it is reported again later. A crash right after
  // it reports it twice.
  std::function<Result<>(const MissedRuns&)> missed;
  // The wall clock went back by more than kClockTolerance: it was `before`, and is `now`. Once for
  // each time, in the scheduler's thread or in that of set_jobs().
  std::function<void(SystemTime before, SystemTime now)> clock_went_back;
};

inline constexpr Duration kClockTolerance = std::chrono::minutes(2);
inline constexpr Duration kRetry = std::chrono::seconds(30);

// Thread-safe. Executor and Clock must outlive it.
class Scheduler {
 public:
  // Starts its thread. Nothing is due before set_jobs().
  Scheduler(Executor& executor, const platform::Clock& clock, SchedulerHooks hooks = {});
  ~Scheduler();  // stops
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // All jobs that have a schedule: at start and at each reload. Errors: those of Sqlite; until it
  // takes them (tried every kRetry) those that were in force stay, and the view's
  // scheduler_error_code says why.
  Result<> set_jobs(std::vector<ScheduledJob> jobs);
  // Starts nothing more. Returns when its thread has ended. Call it before Executor::shutdown().
  void stop();

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace vigie::jobs
