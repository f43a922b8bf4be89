// The executor's threads: running work, and watching the clock.
#include <algorithm>
#include <utility>

#include "jobs/executor_core.h"

namespace vigie::jobs {
namespace {

// The wall clock may jump: nobody sleeps longer than this.
constexpr Duration kLongestSleep = std::chrono::seconds(30);

RunOutcome call(ActiveRun& run) {
  try {
    return run.work(run);
  } catch (...) {
    // Its text could hold anything.
    return RunOutcome::of(
        Error(ErrorCode::internal_error, {{"reason", "an exception left the work of a run"}}));
  }
}

}  // namespace

void ExecutorCore::work(const std::stop_token& stop, size_t worker) {
  while (const ActiveRunPtr ready = next_ready(stop, worker)) run(ready);
}

ActiveRunPtr ExecutorCore::next_ready(const std::stop_token& stop, size_t worker) {
  std::unique_lock lock(mutex_);
  if (!ready_changed_.wait(lock, stop, [&] { return !ready_.empty(); })) return nullptr;
  ActiveRunPtr run = std::move(ready_.front());
  ready_.pop_front();
  run->worker = worker;
  return run;
}

void ExecutorCore::run(const ActiveRunPtr& run) {
  const Result<> started = start(*run);
  finish(run, started ? call(*run) : RunOutcome::of(started.error()));
}

Result<> ExecutorCore::start(ActiveRun& run) {
  {
    const std::lock_guard lock(mutex_);
    if (run.cause != StopCause::none) return fail(ErrorCode::cancelled, {});
    RunRow row = run.row;
    row.state = RunState::running;
    row.started_at = clock_.now();
    row.deadline_at = *row.started_at + row.timeout;
    TRY(noted(store_->save_state(row)));
    run.row = std::move(row);
    run.deadline_at = clock_.monotonic() + run.row.timeout;
    board_.changed(run.row);
  }
  watcher_.wake();
  publish();
  return {};
}

void ExecutorCore::report(ActiveRun& run, const RunProgress& progress, bool new_phase) {
  {
    const std::lock_guard lock(mutex_);
    if (run.end) return;
    run.row.progress = progress;
    // Only for whoever reads the row after a crash: a failure is shown, and the work goes on.
    if (new_phase) (void)noted(store_->save(run.row));
    board_.changed(run.row);
  }
  publish();
}

void ExecutorCore::watch(const std::stop_token& stop) {
  while (!stop.stop_requested()) watcher_.sleep_until(look(), stop);
}

MonoTime ExecutorCore::look() {
  std::vector<ActiveRunPtr> stopped;
  std::vector<ActiveRunPtr> missed;
  MonoTime next;
  {
    const std::lock_guard lock(mutex_);
    const MonoTime mono = clock_.monotonic();
    stopped = overdue(mono);
    missed = too_late(clock_.now());
    count_hung(mono);
    next = next_look(mono, clock_.now());
  }
  for (const ActiveRunPtr& run : stopped) run->stop.request_stop();
  for (const ActiveRunPtr& run : missed) end_missed(run);
  return next;
}

void ExecutorCore::count_hung(MonoTime now) {
  const auto hung = static_cast<size_t>(std::ranges::count_if(
      active_, [&](const auto& active) { return active.second->hangs(now); }));
  if (hung == hung_) return;
  hung_ = hung;
  board_.hung(hung);
  dispatch();
  publish();
}

std::vector<ActiveRunPtr> ExecutorCore::overdue(MonoTime now) {
  std::vector<ActiveRunPtr> runs;
  for (const auto& [id, run] : active_) {
    if (run->deadline_at > now || run->cause != StopCause::none || run->end) continue;
    request_end(*run, StopCause::deadline, {});
    runs.push_back(run);
  }
  return runs;
}

std::vector<ActiveRunPtr> ExecutorCore::too_late(SystemTime now) {
  std::vector<ActiveRunPtr> runs;
  std::ranges::copy_if(queue_, std::back_inserter(runs), [&](const ActiveRunPtr& run) {
    return run->start_before && *run->start_before < now;
  });
  for (const ActiveRunPtr& run : runs) take_from_queue(*run);
  return runs;
}

void ExecutorCore::end_missed(const ActiveRunPtr& run) {
  const RunRow& row = run->row;
  if (row.due_at) {
    const std::lock_guard lock(mutex_);
    (void)noted(store_->mark_missed(row.job, row.kind, *row.due_at, kMissedWindow));
    board_.missed({row.job, row.kind}, *row.due_at, std::string(kMissedWindow));
  }
  finish(run, RunOutcome::of(
                  Error(ErrorCode::missed_run,
                        {{"job", run->row.job}, {"reason", "its window ended while it waited"}})));
}

MonoTime ExecutorCore::next_look(MonoTime mono, SystemTime wall) const {
  MonoTime next = mono + kLongestSleep;
  for (const auto& [id, run] : active_) {
    if (run->end) continue;
    if (run->cause == StopCause::none) next = std::min(next, run->deadline_at);
    if (run->stop_asked_at && !run->hangs(mono))
      next = std::min(next, std::max(mono, *run->stop_asked_at + kHungAfter));
  }
  for (const ActiveRunPtr& run : queue_) {
    if (!run->start_before) continue;
    const Duration left = std::max(Duration{0}, *run->start_before - wall);
    next = std::min(next, mono + std::min(left, kLongestSleep) + Duration{1});
  }
  return next;
}

}  // namespace vigie::jobs
