// How the executor ends.
#include <chrono>
#include <utility>

#include "jobs/executor_core.h"

namespace vigie::jobs {
namespace {

// What is left to be written after shutdown_limit is written in less, or its disk hangs.
constexpr Duration kLastWrites = std::chrono::seconds(2);

}  // namespace

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
      if (active_.empty()) return;
    }
    drained_.sleep_until(limit, {});
  }
}

std::vector<std::pair<RunId, std::optional<size_t>>> ExecutorCore::abandon() {
  std::vector<std::pair<RunId, std::optional<size_t>>> out;
  std::vector<ActiveRunPtr> stuck;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, run] : active_) {
      if (run->end) continue;  // its work returned
      out.emplace_back(id, run->worker);
      stuck.push_back(run);
    }
  }
  for (const ActiveRunPtr& run : stuck) finish(run, RunOutcome{});
  return out;
}

std::optional<std::vector<RunId>> ExecutorCore::await_recorder() {
  const MonoTime limit = clock_.monotonic() + kLastWrites;
  while (true) {
    const bool late = clock_.monotonic() >= limit;
    {
      const std::lock_guard lock(mutex_);
      if (recorder_ended_) return std::nullopt;
      if (late) {
        std::vector<RunId> runs;
        for (const auto& [id, run] : active_) runs.push_back(id);
        for (const auto& [id, end] : unsaved_) runs.push_back(id);
        return runs;
      }
    }
    drained_.sleep_until(limit, {});
  }
}

}  // namespace vigie::jobs
