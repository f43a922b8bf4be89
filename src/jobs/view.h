// What others may see of the jobs: plain immutable values, published anew when something changes
// (a run's progress at most twice a second).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/run.h"

namespace vigie::jobs {

// One kind of work of one job: "backup" of "nightly".
struct JobView {
  std::string job;
  std::string kind;
  bool scheduled = false;  // the configuration in force gives it due times
  std::optional<SystemTime> next_due_at;
  // The newest that succeeded, however old. None: that is fail, not unknown.
  std::optional<RunRow> last_success;
  std::optional<RunRow> last_attempt;  // the newest that ended
  std::optional<RunRow> running;       // with its progress
  std::optional<RunRow> queued;
  std::optional<SystemTime> last_missed_due_at;  // the newest due time that did not run
  std::string last_missed_reason;                // down, window, overlap
};

struct JobsView {
  SystemTime observed_at;     // when it was published
  std::vector<JobView> jobs;  // sorted by job, then kind; scheduled ones, and any that ever ran
  size_t queued = 0;
  size_t running = 0;
  size_t queue_limit = 0;
  size_t hung = 0;  // of those that run: asked to stop, and did not return (executor.h)
  std::string state_error_code;  // why state.db did not take its last write; empty: it did
  std::optional<SystemTime> state_failed_at;
  // The oldest end that is not durable yet (RunRow): a disk hangs, or takes nothing.
  std::optional<SystemTime> end_unrecorded_since;
  std::optional<SystemTime> state_proven_at;  // when it last took one; nothing: nobody has tried
  // When due times were last looked at; nothing: nothing starts by itself here.
  std::optional<SystemTime> scheduler_at;
  std::string scheduler_error_code;  // why due runs could not be started; empty: they could
  std::optional<SystemTime> clock_went_back_at;  // the last time; by the clock as it was then

  const JobView* find(std::string_view job, std::string_view kind) const;
  // A run of this kind runs or waits, of whichever job.
  bool at_work(std::string_view kind) const;
};

using JobsViewPtr = std::shared_ptr<const JobsView>;

}  // namespace vigie::jobs
