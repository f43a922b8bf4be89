#include "jobs/executor_core.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

// Longer makes no sense, and could overflow a point in time.
constexpr Duration kLongestTimeout = std::chrono::days(366);

constexpr Duration kProveEvery = 1min;

RunRow accepted_row(const RunRequest& request, SystemTime now) {
  RunRow row;
  row.id = new_run_id();
  row.job = request.job;
  row.kind = request.kind;
  row.trigger = request.trigger;
  row.correlation_id = request.correlation_id;
  row.claims = request.claims;
  row.created_at = now;
  row.due_at = request.due_at;
  row.timeout = std::min(request.timeout, kLongestTimeout);
  return row;
}

bool may_start(const ActiveRun& run, const std::vector<const ActiveRun*>& busy) {
  return std::ranges::none_of(
      busy, [&](const ActiveRun* other) { return run.shares_claims_with(*other); });
}

tl::unexpected<Error> not_found(const RunId& id) {
  return fail(ErrorCode::run_not_found, {{"run", id.str()}});
}

}  // namespace

ExecutorCore::ExecutorCore(std::unique_ptr<RunStore> store, const platform::Clock& clock,
                           const ExecutorOptions& options, ExecutorHooks hooks)
    : store_(std::move(store)),
      clock_(clock),
      options_(options),
      hooks_(std::move(hooks)),
      board_(options.queue_limit),
      watcher_(clock),
      recorder_(clock),
      drained_(clock) {}

Result<> ExecutorCore::recover() {
  std::vector<RunRow> rows;
  if (options_.recover) {
    TRY_ASSIGN(rows, store_->unfinished());
  }
  for (RunRow& row : rows) {
    row.state = RunState::interrupted;
    row.ended_at = std::max(clock_.now(), row.started_at.value_or(row.created_at));
    row.error_code = error_info(ErrorCode::run_interrupted).name;
    row.error_parameters = {{"run", row.id.str()}, {"reason", "the process ended"}};
    row.end_unrecorded_since = row.ended_at;
    End end{std::move(row), true};
    if (record(end)) {
      TRY(store_->save_state(end.row));
    } else {
      board_.unrecorded(end.row);
      unsaved_.emplace(end.row.id, std::move(end));
    }
  }
  TRY(store_->prune(options_.keep_rows));
  TRY_ASSIGN(auto last, store_->last());
  board_.load(std::move(last));
  publish();
  return {};
}

Result<Submitted> ExecutorCore::submit(RunRequest request) {
  Result<Submitted> submitted;
  {
    const std::lock_guard lock(mutex_);
    submitted = accept(request);
    if (!submitted || submitted->repeated) return submitted;
    dispatch();
  }
  watcher_.wake();
  publish();
  return submitted;
}

Result<Submitted> ExecutorCore::accept(RunRequest& request) {
  if (closing_) return fail(ErrorCode::cancelled, {{"reason", "Vigie is stopping"}});
  TRY(save_unsaved());
  const SystemTime now = clock_.now();
  if (request.idempotency) {
    TRY_ASSIGN(const auto known, store_->find(*request.idempotency, now));
    if (known) return Submitted{*known, true};
  }
  TRY(admit(request));
  RunRow row = accepted_row(request, now);
  const Result<> accepted = store_->accept(row, request.idempotency);
  // A list of keys that is full is no state that takes no writes.
  if (!accepted && accepted.error().code() == ErrorCode::queue_full) return fail(accepted.error());
  TRY(noted(accepted));
  board_.changed(row);
  auto run =
      std::make_shared<ActiveRun>(std::move(row), request, clock_,
                                  [this](ActiveRun& active, const RunProgress& progress,
                                         bool new_phase) { report(active, progress, new_phase); });
  active_.emplace(run->id(), run);
  queue_.push_back(run);
  return Submitted{run->id(), false};
}

Result<> ExecutorCore::admit(const RunRequest& request) const {
  const auto waits = std::ranges::find_if(
      queue_, [&](const ActiveRunPtr& run) { return run->is_of(request.job, request.kind); });
  if (waits != queue_.end()) {
    return fail(ErrorCode::run_conflict,
                {{"name", request.job}, {"run", (*waits)->id().str()}, {"state", "waits already"}});
  }
  // What was called off while it waited takes its place until its end is written.
  if (queue_.size() + ending_.size() >= options_.queue_limit) {
    return fail(ErrorCode::queue_full,
                {{"name", "the queue of runs"}, {"limit", std::to_string(options_.queue_limit)}});
  }
  return {};
}

void ExecutorCore::dispatch() {
  if (closing_ || held_back()) return;
  std::vector<const ActiveRun*> busy;
  for (const auto& [id, run] : active_) {
    if (holds_claims(run)) busy.push_back(run.get());
  }
  const size_t usable = options_.workers + std::min(options_.spare_workers, hung_);
  size_t free = usable - std::min(usable, busy.size());
  const std::deque<ActiveRunPtr> waiting = queue_;
  for (const ActiveRunPtr& run : waiting) {
    if (free == 0) break;
    const bool starts = may_start(*run, busy);
    // A run that waits keeps its claims from those behind it.
    if (starts || !run->lets_others_by) busy.push_back(run.get());
    if (!starts) continue;
    take_from_queue(*run);
    ready_.push_back(run);
    --free;
  }
  ready_changed_.notify_all();
}

bool ExecutorCore::holds_claims(const ActiveRunPtr& run) const {
  return !run->ended_waiting() && std::ranges::find(queue_, run) == queue_.end();
}

void ExecutorCore::take_from_queue(const ActiveRun& run) {
  std::erase_if(queue_, [&](const ActiveRunPtr& waiting) { return waiting.get() == &run; });
}

Result<RunRow> ExecutorCore::find(const RunId& id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = active_.find(id); found != active_.end()) {
      const ActiveRun& run = *found->second;
      if (run.ended_waiting()) return *run.end;
      RunRow row = run.row;
      row.progress = run.latest_progress();
      return row;
    }
    if (const auto found = unsaved_.find(id); found != unsaved_.end()) return found->second.row;
  }
  TRY_ASSIGN(auto row, store_->find(id));
  if (!row) return not_found(id);
  return std::move(*row);
}

Result<std::vector<RunRow>> ExecutorCore::of_correlation(const CorrelationId& id, size_t limit) {
  return store_->of_correlation(id, limit);
}

Result<RunRow> ExecutorCore::wait(const RunId& id, const std::stop_token& stop) {
  {
    std::unique_lock lock(mutex_);
    if (!ended_.wait(lock, stop, [&] { return !active_.contains(id); })) {
      return fail(ErrorCode::cancelled, {{"reason", "nobody waits for the run any more"}});
    }
  }
  return find(id);
}

Result<bool> ExecutorCore::cancel(const RunId& id, std::string reason) {
  ActiveRunPtr run;
  bool waited = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = active_.find(id);
    if (found != active_.end() && found->second->end) return false;
    if (found != active_.end()) {
      run = found->second;
      waited = std::ranges::find(queue_, run) != queue_.end();
      take_from_queue(*run);
      request_end(*run, StopCause::cancelled, std::move(reason));
    }
  }
  if (run == nullptr) {
    TRY(find(id));
    return false;
  }
  run->stop.request_stop();
  if (waited) finish(run, RunOutcome{});
  return true;
}

void ExecutorCore::request_end(ActiveRun& run, StopCause cause, std::string reason) {
  if (run.cause != StopCause::none) return;
  run.cause = cause;
  run.cause_reason = std::move(reason);
  run.stop_asked_at = clock_.monotonic();
}

// Without the mutex: a disk that hangs over a proof holds back nobody who writes nothing.
Result<> ExecutorCore::prove() {
  {
    const std::lock_guard lock(mutex_);
    if (options_.database.copy || clock_.monotonic() < next_proof_) return {};
    next_proof_ = clock_.monotonic() + kProveEvery;
  }
  Result<> proven = store_->prove(clock_.now());
  {
    const std::lock_guard lock(mutex_);
    proven = noted(std::move(proven));
  }
  publish();
  return proven;
}

// What state.db says of its last write is shown to others.
Result<> ExecutorCore::noted(Result<> written) {
  next_proof_ = clock_.monotonic() + kProveEvery;
  if (written) {
    board_.state_taken(clock_.now());
  } else {
    board_.state_failed(written.error(), clock_.now());
  }
  return written;
}

}  // namespace vigie::jobs
