// What the view shows, kept up to date by the executor and the scheduler.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "jobs/run_rows.h"
#include "jobs/view.h"

namespace vigie::jobs {

using JobKey = std::pair<std::string, std::string>;  // job, kind

struct BoardDue {
  std::optional<SystemTime> next;
  std::optional<SystemTime> missed;  // the newest
  std::string missed_reason;
};

// Thread-safe. What changes is seen by others at the next publish().
class Board {
 public:
  explicit Board(size_t queue_limit) : queue_limit_(queue_limit) {}

  void load(std::vector<LastRuns> last);
  void changed(const RunRow& row);  // accepted, started, made progress, ended
  // An earlier process left it unfinished, and its end is recorded only now: newer ones may have
  // ended since.
  void recovered(const RunRow& row);
  void unrecorded(const RunRow& row);  // one of those: its end is not durable yet
  void recorded(const RunId& run);     // what has ended is durable
  void state_taken(SystemTime at);     // state.db took a write
  void state_failed(const Error& error, SystemTime at);

  void scheduled(const std::map<JobKey, BoardDue>& due);  // all that the configuration schedules
  void next_due(const JobKey& job, std::optional<SystemTime> next);
  void missed(const JobKey& job, SystemTime due, std::string reason);
  void clock_went_back(SystemTime now);
  // It looked at the due times; the error code is empty when all of them could be dealt with.
  void scheduler_looked(SystemTime at, std::string error_code);
  void hung(size_t runs);

  void publish(SystemTime now);
  JobsViewPtr view() const;  // waits for nothing but the copy of a pointer

 private:
  JobView& job(const JobKey& key);
  void ended(JobView& job, const RunRow& row);
  void note_unrecorded(const RunRow& row);
  JobsView make(SystemTime now) const;
  std::optional<SystemTime> oldest_unrecorded() const;

  const size_t queue_limit_;
  mutable std::mutex mutex_;
  std::map<JobKey, JobView> jobs_;          // guarded by mutex_, as all below
  std::map<RunId, SystemTime> unrecorded_;  // ends that are not durable yet, since when
  std::string state_error_code_;
  std::optional<SystemTime> state_failed_at_;
  std::optional<SystemTime> state_proven_at_;
  std::optional<SystemTime> scheduler_at_;
  std::string scheduler_error_code_;
  std::optional<SystemTime> clock_went_back_at_;
  size_t hung_ = 0;

  mutable std::mutex view_mutex_;
  JobsViewPtr view_ = std::make_shared<const JobsView>();  // guarded by view_mutex_
};

}  // namespace vigie::jobs
