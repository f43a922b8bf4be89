// How the executor ends.
#include <utility>

#include "jobs/executor_core.h"

namespace vigie::jobs {

void ExecutorCore::close() {
  std::vector<ActiveRunPtr> all;
  std::deque<ActiveRunPtr> waiting;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    waiting.swap(queue_);
    for (const auto& [id, run] : active_) {
      request_end(*run, StopCause::shutdown, {});
      all.push_back(run);
    }
  }
  for (const ActiveRunPtr& run : all) run->stop.request_stop();
  for (const ActiveRunPtr& run : waiting) finish(run, RunOutcome{});
}

void ExecutorCore::drain() {
  const MonoTime limit = clock_.monotonic() + options_.shutdown_limit;
  while (clock_.monotonic() < limit) {
    {
      const std::lock_guard lock(mutex_);
      if (active_.empty()) break;
    }
    drained_.sleep_until(limit, {});
  }
  const std::lock_guard lock(mutex_);
  // The last chance of this process. What cannot be written is found running at the next start.
  record_unrecorded();
  (void)save_unsaved();
}

std::vector<std::pair<RunId, std::optional<size_t>>> ExecutorCore::abandon() {
  std::vector<std::pair<RunId, std::optional<size_t>>> out;
  std::vector<RunRow> told;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, run] : active_) {
      run->abandoned = true;
      out.emplace_back(id, run->worker);
      // One that has an end is in its hook.
      if (!run->end) told.push_back(ended_row(*run, {}, clock_.now()));
      board_.changed(save_end({run->end ? *run->end : told.back()}));
    }
    active_.clear();
  }
  for (const RunRow& row : told) {
    if (hooks_.ended) hooks_.ended(row);
  }
  publish();
  ended_.notify_all();
  return out;
}

}  // namespace vigie::jobs
