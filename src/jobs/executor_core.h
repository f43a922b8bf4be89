// The executor without its threads: the queue, the claims, and the ends of runs.
//
// One mutex guards everything; it is held while state.db is written, so that memory and disk tell
// one story. Hooks and stop callbacks are called without it: a ledger whose disk hangs delays the
// ends of runs, and what waits for their claims, and nobody else.
//
// How a run ends. finish() gives it its end, which nothing changes any more, and hands it to the
// recorder's thread. Until that has called the hooks and written the row, the run is active and
// keeps its claims; whoever asks is told that it runs. What the evidence or state.db did not take
// is unsaved: no longer active, told as ended, and tried again.
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
  Result<bool> cancel(const RunId& id, std::string reason);
  Result<RunRow> find(const RunId& id);
  Result<std::vector<RunRow>> of_correlation(const CorrelationId& id, size_t limit);
  Result<RunRow> wait(const RunId& id, const std::stop_token& stop);
  Result<> prove();

  // The threads' loops.
  void work(const std::stop_token& stop, size_t worker);
  void watch(const std::stop_token& stop);
  void record_ends(const std::stop_token& stop);

  // Shutdown, in this order.
  void close();  // nothing new; stop all
  void drain();  // until all ended, or shutdown_limit
  std::vector<std::pair<RunId, std::optional<size_t>>> abandon();  // the rest: run and worker
  // Once the recorder's thread was asked to stop: the runs whose end it could not write since it
  // hangs; nothing when it has ended.
  std::optional<std::vector<RunId>> await_recorder();

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
  void count_hung(MonoTime now);
  struct End {
    RunRow row;
    bool found = false;     // of a process that is gone
    bool recorded = false;  // its evidence is durable
  };
  Result<> save_unsaved();
  void save_end(End end);
  bool held_back() const;
  bool holds_claims(const ActiveRunPtr& run) const;
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
  void end_missed(const ActiveRunPtr& run);
  void report(ActiveRun& run, const RunProgress& progress, bool new_phase);
  MonoTime look();
  // In the recorder's thread:
  MonoTime write_ends();
  Result<> record(End& end) const;
  std::vector<End> unrecorded();
  void retry_unsaved();
  ActiveRunPtr next_ending();
  void settle(const ActiveRunPtr& run);
  void prune();
  void publish() { board_.publish(clock_.now()); }

  const std::unique_ptr<RunStore> store_;
  const platform::Clock& clock_;
  const ExecutorOptions options_;
  const ExecutorHooks hooks_;
  Board board_;
  Sleeper watcher_;
  Sleeper recorder_;
  Sleeper drained_;

  std::mutex mutex_;
  std::condition_variable_any ready_changed_;
  std::condition_variable_any ended_;
  std::map<RunId, ActiveRunPtr> active_;  // guarded by mutex_, as all below; all that did not end
  std::deque<ActiveRunPtr> queue_;        // of them, those that wait for claims or a worker
  std::deque<ActiveRunPtr> ready_;        // of them, those that hold their claims and a worker
  std::deque<ActiveRunPtr> ending_;       // of them, those whose end the recorder will write
  std::map<RunId, End> unsaved_;          // ends that state.db, or the evidence, did not take yet
  MonoTime next_proof_{};                 // when state.db was not written to until then
  size_t ended_since_prune_ = 0;
  size_t hung_ = 0;  // runs that hang
  bool closing_ = false;
  bool recorder_ended_ = false;
};

}  // namespace vigie::jobs
