#include "jobs/executor.h"

#include <algorithm>
#include <utility>

#include "jobs/executor_core.h"

namespace vigie::jobs {

RunOutcome RunOutcome::succeeded(json::object result) {
  return {Verdict::passed, std::nullopt, std::move(result)};
}

RunOutcome RunOutcome::of(Error error, json::object result) {
  const Verdict verdict = error.info().verdict;
  return {verdict, std::move(error), std::move(result)};
}

Result<std::unique_ptr<Executor>> Executor::open(const platform::Path& state_db,
                                                 const platform::Clock& clock,
                                                 const ExecutorOptions& options,
                                                 ExecutorHooks hooks) {
  TRY_ASSIGN(auto store, RunStore::open(state_db, options.database));
  auto core = std::make_shared<ExecutorCore>(std::move(store), clock, options, std::move(hooks));
  TRY(core->recover());
  (void)core->prove();  // the view says how it went
  return std::unique_ptr<Executor>(new Executor(std::move(core)));
}

Executor::Executor(std::shared_ptr<ExecutorCore> core) : core_(std::move(core)) {
  for (size_t worker = 0; worker < core_->options().workers + core_->options().spare_workers;
       ++worker) {
    workers_.emplace_back(
        [core = core_, worker](const std::stop_token& stop) { core->work(stop, worker); });
  }
  watch_ = std::jthread([core = core_](const std::stop_token& stop) { core->watch(stop); });
  recorder_ =
      std::jthread([core = core_](const std::stop_token& stop) { core->record_ends(stop); });
}

Executor::~Executor() {
  shutdown();
}

Result<Submitted> Executor::submit(RunRequest request) {
  return core_->submit(std::move(request));
}

Result<bool> Executor::cancel(const RunId& id, std::string reason) {
  return core_->cancel(id, std::move(reason));
}

Result<RunRow> Executor::find(const RunId& id) const {
  return core_->find(id);
}

Result<std::vector<RunRow>> Executor::of_correlation(const CorrelationId& id, size_t limit) const {
  return core_->of_correlation(id, limit);
}

Result<RunRow> Executor::wait(const RunId& id, std::stop_token stop) const {
  return core_->wait(id, stop);
}

Result<> Executor::prove_state() {
  return core_->prove();
}

JobsViewPtr Executor::view() const {
  return core_->board().view();
}

std::vector<RunId> Executor::shutdown() {
  const std::lock_guard lock(shutdown_mutex_);
  if (std::exchange(shut_down_, true)) return stuck_;
  core_->close();
  core_->drain();
  for (const auto& [run, worker] : core_->abandon()) {
    stuck_.push_back(run);
    if (worker) workers_[*worker].detach();
  }
  recorder_.request_stop();
  if (const auto unwritten = core_->await_recorder()) {
    recorder_.detach();
    for (const RunId& run : *unwritten) {
      if (std::ranges::find(stuck_, run) == stuck_.end()) stuck_.push_back(run);
    }
  }
  workers_.clear();  // stops and joins those that are not detached
  watch_ = {};
  recorder_ = {};
  return stuck_;
}

}  // namespace vigie::jobs
