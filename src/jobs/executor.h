// Runs work: durable rows, claims, a bounded queue, bounded threads, deadlines, cancel.
//
//   TRY_ASSIGN(auto executor, Executor::open(state_dir / "state.db", clock, options, hooks));
//   TRY_ASSIGN(auto submitted, executor->submit({.job = "nightly", .kind = "backup",
//       .claims = {"db:app", "store:local"}, .timeout = 4h, .work = [=](RunContext& context) {
//         auto taken = take(context.stop_token(), context.deadline());
//         return taken ? RunOutcome::succeeded({{"backup", …}}) : RunOutcome::of(taken.error());
//       }}));
//   executor->shutdown();
//
// What may run together. Two runs that have one claim in common never run at the same time; they
// run in the order in which they were asked for, and a run that waits keeps its claims from those
// behind it, so that nobody starves. One that lets others by does not: it starts, in its turn, when
// all its claims happen to be free, so it may wait long, and nobody waits for it. Of one job and
// kind, one may run and one may wait behind it; a third is refused with run_conflict.
//
// What is durable. A run's row is written before submit() returns, again before its work begins, at
// each new phase of its progress, and at its end, when the end's evidence is durable
// (hooks.record). Until then the run keeps its claims, and who began is seen to run: a disk that
// hangs over the evidence holds back ends and what waits for them, while submit(), cancel(), find()
// and view() answer; the row says since when (end_unrecorded_since). When the end cannot be written
// (a full disk) it is kept in memory and tried again every half minute; JobsView says so, and
// nothing new starts until it is written. An end whose evidence cannot be written waits in the same
// way, but keeps others back only when there are queue_limit of them.
//
// What hangs. A run that was asked to stop (cancelled, or at its deadline) and whose work has not
// returned within kHungAfter cannot be helped: a file system hangs. It keeps its claims, and its
// worker counts no more: as many as `spare_workers` are replaced. JobsView counts them.
//
// At open, rows of a process that is gone become `interrupted`, each when hooks.recover has its
// evidence. Work is a function, so what was only queued does not start again by itself.
//
// Threads: `workers` and `spare_workers` that run work (the latter sleep), one that watches
// deadlines, one that records ends. All functions may be called from any thread. Clock must outlive
// the Executor.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "jobs/idempotency.h"
#include "jobs/run.h"
#include "jobs/view.h"
#include "platform/clock.h"
#include "platform/file_system.h"
#include "platform/sqlite.h"

namespace vigie::jobs {

// What a piece of work is given. Lives as long as the work's call. Thread-safe.
class RunContext {
 public:
  virtual ~RunContext() = default;
  virtual const RunId& id() const = 0;
  virtual const CorrelationId& correlation_id() const = 0;
  virtual const RunTrigger& trigger() const = 0;
  virtual std::optional<SystemTime> due_at() const = 0;
  // Requested by cancel(), by the deadline and by shutdown().
  virtual std::stop_token stop_token() const = 0;
  virtual MonoTime deadline() const = 0;
  virtual const platform::Clock& clock() const = 0;
  // Cheap: may be called for every block of bytes. `rate` and `at` are filled in.
  virtual void progress(RunProgress progress) = 0;
};

struct RunOutcome {
  Verdict verdict = Verdict::could_not_verify;
  std::optional<Error> error{};
  json::object result{};  // at most 64 KiB as JSON, or it is left out

  static RunOutcome succeeded(json::object result = {});
  // The verdict that the registry gives to the error's code.
  static RunOutcome of(Error error, json::object result = {});
};
// When the run was stopped, what its work returns counts only if it passed, or if it found damage
// (an error of the class integrity). Else the run is cancelled, interrupted, or at its deadline
// (deadline_exceeded; RunRequest::at_deadline), by what stopped it first; restore_left_behind stays
// its error. An exception that leaves the work is internal_error.
using Work = std::function<RunOutcome(RunContext&)>;

struct RunRequest {
  std::string job{};
  std::string kind{};
  RunTrigger trigger{};
  CorrelationId correlation_id{};
  std::vector<std::string> claims{};  // "db:app", "store:local", "scratch"
  bool lets_others_by = false;        // while it waits, it does not keep them from those behind it
  Duration timeout = std::chrono::hours(4);
  // How a run ends that is stopped at its deadline: whether it speaks against what was to be done.
  Verdict at_deadline = Verdict::failed;
  // A scheduled run: the due time is recorded as done in the same transaction as the row.
  std::optional<SystemTime> due_at{};
  // When it still waits for its claims then, it ends as failed with missed_run.
  std::optional<SystemTime> start_before{};
  std::optional<IdempotencyKey> idempotency{};
  Work work{};
};

struct Submitted {
  RunId id;
  bool repeated = false;  // the idempotency key was used before: this is the run of then
};

inline constexpr Duration kHungAfter = std::chrono::minutes(1);

struct ExecutorOptions {
  size_t workers = 4;
  size_t spare_workers = 4;  // each in the place of one whose run hangs
  size_t queue_limit = 64;   // runs that wait
  size_t keep_rows = 5000;   // ended rows in state.db; the last success and attempt always stay
  Duration shutdown_limit = std::chrono::seconds(8);
  Duration save_retry = std::chrono::seconds(30);
  platform::SqliteOptions database{};
  // False: another process is at work on the rows, and `database` is a copy of them.
  bool recover = true;
};

struct ExecutorHooks {
  // For each row that a dead process left queued or running (started_at says which), before it is
  // marked: note what is to be cleaned, make its evidence durable. It is given as interrupted, and
  // may be changed to how it ended in truth. Called again after a crash in between.
  std::function<Result<>(RunRow&)> recover;
  // When a run has ended, before its end is written and its claims are free: make its evidence
  // durable. After a crash in between, `recover` sees the run again.
  //
  // Both are called by one thread at a time, without a lock; when they fail, they are called again.
  // They must not wait for the end of a run.
  std::function<Result<>(const RunRow&)> record;
  // When a run has ended, before `record`: log it. In the same thread.
  std::function<void(const RunRow&)> ended;
};

class ExecutorCore;

class Executor {
 public:
  // Errors: those of Sqlite, state_newer.
  static Result<std::unique_ptr<Executor>> open(const platform::Path& state_db,
                                                const platform::Clock& clock,
                                                const ExecutorOptions& options = {},
                                                ExecutorHooks hooks = {});
  // shutdown(), unless it was called.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Errors: run_conflict, queue_full, idempotency_mismatch, cancelled (shutdown has begun), and
  // those of Sqlite: then nothing was written and nothing runs.
  Result<Submitted> submit(RunRequest request);
  // Returns at once; the run ends when its work does. A run that waits ends now. False: it has
  // ended already, which is no error. Errors: run_not_found.
  Result<bool> cancel(const RunId& id, std::string reason);
  // With live progress. Errors: run_not_found, those of Sqlite.
  Result<RunRow> find(const RunId& id) const;
  // Newest first. Errors: those of Sqlite.
  Result<std::vector<RunRow>> of_correlation(const CorrelationId& id, size_t limit = 100) const;
  // Waits until the run has ended. Errors: run_not_found; cancelled when `stop` came first (the run
  // goes on).
  Result<RunRow> wait(const RunId& id, std::stop_token stop) const;

  // When state.db was not written to for a minute: does it still take a write? The view says when
  // it last did. Not on a copy. Errors: those of Sqlite.
  Result<> prove_state();

  // Never waits for a disk.
  JobsViewPtr view() const;

  // Takes no new runs, ends what waits, stops what runs, and waits for it up to shutdown_limit. All
  // of it is recorded as interrupted. The runs whose work did not return are returned, and those
  // whose end could not be written since a disk hangs: threads are still at work on them, so the
  // process must leave by _Exit() without tearing anything down. Idempotent.
  std::vector<RunId> shutdown();

 private:
  friend class Scheduler;
  explicit Executor(std::shared_ptr<ExecutorCore> core);

  std::shared_ptr<ExecutorCore> core_;  // shared with the threads: a stuck one keeps it alive
  std::mutex shutdown_mutex_;
  std::vector<std::jthread> workers_;  // guarded by shutdown_mutex_, as all below
  std::jthread watch_;
  std::jthread recorder_;
  std::vector<RunId> stuck_;
  bool shut_down_ = false;
};

}  // namespace vigie::jobs
