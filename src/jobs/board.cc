#include "jobs/board.h"

#include <algorithm>

namespace vigie::jobs {

const JobView* JobsView::find(std::string_view job, std::string_view kind) const {
  const auto found = std::ranges::find_if(
      jobs, [&](const JobView& view) { return view.job == job && view.kind == kind; });
  return found == jobs.end() ? nullptr : &*found;
}

bool JobsView::at_work(std::string_view kind) const {
  return std::ranges::any_of(
      jobs, [&](const JobView& job) { return job.kind == kind && (job.running || job.queued); });
}

void Board::load(std::vector<LastRuns> last) {
  const std::lock_guard lock(mutex_);
  for (LastRuns& runs : last) {
    const RunRow& any = runs.attempt ? *runs.attempt : *runs.success;
    JobView& view = job({any.job, any.kind});
    view.last_success = std::move(runs.success);
    view.last_attempt = std::move(runs.attempt);
  }
}

JobView& Board::job(const JobKey& key) {
  JobView& view = jobs_[key];
  view.job = key.first;
  view.kind = key.second;
  return view;
}

void Board::changed(const RunRow& row) {
  const std::lock_guard lock(mutex_);
  note_unrecorded(row);
  JobView& view = job({row.job, row.kind});
  if (row.state == RunState::queued) {
    view.queued = row;
    return;
  }
  if (view.queued && view.queued->id == row.id) view.queued.reset();
  if (row.state == RunState::running) {
    view.running = row;
  } else {
    ended(view, row);
  }
}

void Board::ended(JobView& job, const RunRow& row) {
  if (job.running && job.running->id == row.id) job.running.reset();
  job.last_attempt = row;
  if (row.state == RunState::succeeded) job.last_success = row;
}

void Board::note_unrecorded(const RunRow& row) {
  if (row.end_unrecorded_since) unrecorded_[row.id] = *row.end_unrecorded_since;
}

void Board::unrecorded(const RunRow& row) {
  const std::lock_guard lock(mutex_);
  note_unrecorded(row);
}

void Board::recovered(const RunRow& row) {
  const std::lock_guard lock(mutex_);
  note_unrecorded(row);
  JobView& view = job({row.job, row.kind});
  if (!view.last_attempt || view.last_attempt->created_at < row.created_at) ended(view, row);
}

void Board::recorded(const RunId& run) {
  const std::lock_guard lock(mutex_);
  unrecorded_.erase(run);
  const auto clear = [&](RunRow& row) {
    if (row.id == run) row.end_unrecorded_since.reset();
  };
  for (auto& [key, view] : jobs_) {
    if (view.last_attempt) clear(*view.last_attempt);
    if (view.last_success) clear(*view.last_success);
  }
}

void Board::state_taken(SystemTime at) {
  const std::lock_guard lock(mutex_);
  state_error_code_.clear();
  state_failed_at_.reset();
  state_proven_at_ = at;
}

void Board::state_failed(const Error& error, SystemTime at) {
  const std::lock_guard lock(mutex_);
  state_error_code_ = error.info().name;
  state_failed_at_ = at;
}

void Board::scheduled(const std::map<JobKey, BoardDue>& due) {
  const std::lock_guard lock(mutex_);
  for (auto& [key, view] : jobs_) {
    view.scheduled = due.contains(key);
    if (!view.scheduled) view.next_due_at.reset();
  }
  for (const auto& [key, times] : due) {
    JobView& view = job(key);
    view.scheduled = true;
    view.next_due_at = times.next;
    view.last_missed_due_at = times.missed;
    view.last_missed_reason = times.missed_reason;
  }
}

void Board::next_due(const JobKey& key, std::optional<SystemTime> next) {
  const std::lock_guard lock(mutex_);
  job(key).next_due_at = next;
}

void Board::missed(const JobKey& key, SystemTime due, std::string reason) {
  const std::lock_guard lock(mutex_);
  JobView& view = job(key);
  view.last_missed_due_at = due;
  view.last_missed_reason = std::move(reason);
}

void Board::scheduler_looked(SystemTime at, std::string error_code) {
  const std::lock_guard lock(mutex_);
  scheduler_at_ = at;
  scheduler_error_code_ = std::move(error_code);
}

void Board::clock_went_back(SystemTime now) {
  const std::lock_guard lock(mutex_);
  clock_went_back_at_ = now;
}

void Board::hung(size_t runs) {
  const std::lock_guard lock(mutex_);
  hung_ = runs;
}

void Board::publish(SystemTime now) {
  const std::lock_guard lock(mutex_);
  auto view = std::make_shared<const JobsView>(make(now));
  const std::lock_guard view_lock(view_mutex_);
  view_.swap(view);
}

JobsView Board::make(SystemTime now) const {
  JobsView view;
  view.observed_at = now;
  for (const auto& [key, job] : jobs_) {
    // A job that left the configuration and never ran is nobody's.
    if (!job.scheduled && !job.last_attempt && !job.running && !job.queued) continue;
    view.jobs.push_back(job);
    view.queued += job.queued ? 1 : 0;
    view.running += job.running ? 1 : 0;
  }
  view.end_unrecorded_since = oldest_unrecorded();
  view.queue_limit = queue_limit_;
  view.state_error_code = state_error_code_;
  view.state_failed_at = state_failed_at_;
  view.state_proven_at = state_proven_at_;
  view.scheduler_at = scheduler_at_;
  view.scheduler_error_code = scheduler_error_code_;
  view.clock_went_back_at = clock_went_back_at_;
  view.hung = hung_;
  return view;
}

std::optional<SystemTime> Board::oldest_unrecorded() const {
  const auto oldest =
      std::ranges::min_element(unrecorded_, {}, &std::pair<const RunId, SystemTime>::second);
  return oldest == unrecorded_.end() ? std::nullopt : std::optional(oldest->second);
}

JobsViewPtr Board::view() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

}  // namespace vigie::jobs
