// The executor without its threads: the queue, the claims, and the ends of runs.
//
// One mutex guards everything; it is held while state.db is written, so that memory and disk tell
// one story. Hooks and stop callbacks are called without it.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "jobs/active_run.h"
#include "jobs/board.h"
#include "jobs/executor.h"
#include "jobs/run_store.h"
#include "jobs/sleeper.h"

namespace vigie::jobs {

using ActiveRunPtr = std::shared_ptr<ActiveRun>;

class ExecutorCore {
 public:
  ExecutorCore(std::unique_ptr<RunStore> store, const platform::Clock& clock,
               const ExecutorOptions& options, ExecutorHooks hooks);

  // What a dead process left, and what the view shows. Before any thread.
  Result<> recover();

  Result<Submitted> submit(RunRequest request);
  Result<> cancel(const RunId& id, std::string reason);
  Result<RunRow> find(const RunId& id);
  Result<std::vector<RunRow>> of_correlation(const CorrelationId& id, size_t limit);
  Result<RunRow> wait(const RunId& id, const std::stop_token& stop);

  // The threads' loops.
  void work(const std::stop_token& stop, size_t worker);
  void watch(const std::stop_token& stop);

  // Shutdown, in this order.
  void close();  // nothing new; stop all
  void drain();  // until all ended, or shutdown_limit
  std::vector<std::pair<RunId, std::optional<size_t>>> abandon();  // the rest: run and worker

  RunStore& store() { return *store_; }
  Board& board() { return board_; }
  const platform::Clock& clock() const { return clock_; }
  const ExecutorOptions& options() const { return options_; }

 private:
  // With mutex_ held:
  Result<> admit(const RunRequest& request) const;
  Result<Submitted> accept(RunRequest& request);
  void dispatch();
  void take_from_queue(const ActiveRun& run);
  struct End {
    RunRow row;
    bool found = false;     // of a process that is gone
    bool recorded = false;  // its evidence is durable
  };
  Result<> record(End& end);
  void record_unrecorded();
  Result<> save_unsaved();
  RunRow save_end(End end);
  bool held_back() const;
  Result<> noted(Result<> written);
  void request_end(ActiveRun& run, StopCause cause, std::string reason);
  std::vector<ActiveRunPtr> overdue(MonoTime now);
  std::vector<ActiveRunPtr> too_late(SystemTime now);
  MonoTime next_look(MonoTime mono, SystemTime wall) const;

  // Without it:
  ActiveRunPtr next_ready(const std::stop_token& stop, size_t worker);
  void run(const ActiveRunPtr& run);
  Result<> start(ActiveRun& run);
  void finish(const ActiveRunPtr& run, RunOutcome outcome);
  void settle(const RunRow& row);
  void end_missed(const ActiveRunPtr& run);
  void report(ActiveRun& run, const RunProgress& progress, bool new_phase);
  void prune();
  MonoTime look();
  void publish() { board_.publish(clock_.now()); }

  const std::unique_ptr<RunStore> store_;
  const platform::Clock& clock_;
  const ExecutorOptions options_;
  const ExecutorHooks hooks_;
  Board board_;
  Sleeper watcher_;
  Sleeper drained_;

  std::mutex mutex_;
  std::condition_variable_any ready_changed_;
  std::condition_variable_any ended_;
  std::map<RunId, ActiveRunPtr> active_;  // guarded by mutex_, as all below; all that did not end
  std::deque<ActiveRunPtr> queue_;        // of them, those that wait for claims or a worker
  std::deque<ActiveRunPtr> ready_;        // of them, those that hold their claims and a worker
  std::map<RunId, End> unsaved_;          // ends that state.db, or the evidence, did not take yet
  size_t ended_since_prune_ = 0;
  bool closing_ = false;
};

}  // namespace vigie::jobs
