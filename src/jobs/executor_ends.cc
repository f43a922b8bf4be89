// How runs end: their evidence first, then their row, both by the recorder's thread.
#include <algorithm>
#include <utility>

#include "jobs/executor_core.h"

namespace vigie::jobs {
namespace {

constexpr size_t kPruneEvery = 100;

}  // namespace

void ExecutorCore::finish(const ActiveRunPtr& run, RunOutcome outcome) {
  {
    const std::lock_guard lock(mutex_);
    // Given up meanwhile: that end is the one that counts.
    if (run->end) return;
    run->end = ended_row(*run, std::move(outcome), clock_.now());
    run->end->end_unrecorded_since = run->row.end_unrecorded_since = run->end->ended_at;
    ending_.push_back(run);
    board_.changed(run->row);
    publish();
  }
  recorder_.wake();
}

void ExecutorCore::record_ends(const std::stop_token& stop) {
  while (!stop.stop_requested()) recorder_.sleep_until(write_ends(), stop);
  // The last chance of this process. What cannot be written is found running at the next start.
  write_ends();
  {
    const std::lock_guard lock(mutex_);
    recorder_ended_ = true;
  }
  drained_.wake();
}

MonoTime ExecutorCore::write_ends() {
  // Before anything is tried: what fails from here on is tried again that much later, not more.
  const MonoTime began = clock_.monotonic();
  retry_unsaved();
  while (const ActiveRunPtr run = next_ending()) settle(run);
  return began + options_.save_retry;
}

ActiveRunPtr ExecutorCore::next_ending() {
  const std::lock_guard lock(mutex_);
  if (ending_.empty()) return nullptr;
  ActiveRunPtr run = std::move(ending_.front());
  ending_.pop_front();
  return run;
}

void ExecutorCore::settle(const ActiveRunPtr& run) {
  End end{*run->end};  // which nobody changes any more
  if (hooks_.ended) hooks_.ended(end.row);
  (void)record(end);  // one that failed is unsaved
  bool prunes = false;
  {
    const std::lock_guard lock(mutex_);
    active_.erase(run->id());
    board_.changed(end.row);
    save_end(std::move(end));  // which tells the board when it could
    prunes = ++ended_since_prune_ % kPruneEvery == 0;
    count_hung(clock_.monotonic());  // before its place is given to another
    dispatch();
    publish();  // so that whoever waited for the end finds it in the view
  }
  ended_.notify_all();
  drained_.wake();
  watcher_.wake();
  if (prunes) prune();
}

Result<> ExecutorCore::record(End& end) const {
  if (end.found && hooks_.recover) TRY(hooks_.recover(end.row));
  if (!end.found && hooks_.record) TRY(hooks_.record(end.row));
  end.recorded = true;
  return {};
}

void ExecutorCore::save_end(End end) {
  const bool saved = end.recorded && save_unsaved() && noted(store_->save_state(end.row));
  if (saved) return board_.recorded(end.row.id);
  unsaved_.emplace(end.row.id, std::move(end));
}

std::vector<ExecutorCore::End> ExecutorCore::unrecorded() {
  const std::lock_guard lock(mutex_);
  std::vector<End> ends;
  for (const auto& [id, end] : unsaved_) {
    if (!end.recorded) ends.push_back(end);
  }
  return ends;
}

// Nobody else touches what is not recorded yet.
void ExecutorCore::retry_unsaved() {
  for (End& end : unrecorded()) {
    if (!record(end)) break;  // the next one would fail as well
    const std::lock_guard lock(mutex_);
    if (end.found) board_.recovered(end.row);
    RunId id = end.row.id;
    unsaved_.insert_or_assign(std::move(id), std::move(end));
  }
  const std::lock_guard lock(mutex_);
  if (unsaved_.empty()) return;
  if (save_unsaved()) dispatch();
  publish();
}

// Those whose evidence is durable.
Result<> ExecutorCore::save_unsaved() {
  for (auto one = unsaved_.begin(); one != unsaved_.end();) {
    if (!one->second.recorded) {
      ++one;
      continue;
    }
    TRY(noted(store_->save(one->second.row)));
    board_.recorded(one->first);
    one = unsaved_.erase(one);
  }
  return {};
}

bool ExecutorCore::held_back() const {
  return unsaved_.size() >= options_.queue_limit ||
         std::ranges::any_of(unsaved_, [](const auto& one) { return one.second.recorded; });
}

void ExecutorCore::prune() {
  const Result<> pruned = store_->prune(options_.keep_rows);
  const std::lock_guard lock(mutex_);
  (void)noted(pruned);
}

}  // namespace vigie::jobs
