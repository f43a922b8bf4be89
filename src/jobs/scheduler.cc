#include "jobs/scheduler.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "jobs/due_plan.h"
#include "jobs/executor_core.h"
#include "jobs/sleeper.h"

namespace vigie::jobs {
namespace {

struct Entry {
  ScheduledJob job;
  SystemTime last_due;       // as it stands in state.db
  SystemTime dealt_until{};  // before a clock that went back
  std::string blocked_by;    // the error code for which its due time could not be started
  SystemTime reported{};     // the newest due time whose miss is told; state.db may not know it

  // Dealt with before the clock went back, and jumped over since `looked`: no news. One that comes
  // by in its own time is due like any other.
  bool knows(SystemTime due, SystemTime looked) const { return due > looked && due <= dealt_until; }
  JobKey key() const { return {job.job, job.kind}; }
  std::optional<SystemTime> next(SystemTime now) const { return job.next(std::max(now, last_due)); }
};

DueRow known_row(const ScheduledJob& job, const std::vector<DueRow>& rows) {
  const auto found = std::ranges::find_if(
      rows, [&](const DueRow& row) { return row.job == job.job && row.kind == job.kind; });
  return found == rows.end() ? DueRow{job.job, job.kind, {}, {}, {}, {}} : *found;
}

MissedRuns missed_one(SystemTime due, std::string_view reason) {
  MissedRuns runs;
  runs.due = {due};
  runs.reason = reason;
  return runs;
}

}  // namespace

struct Scheduler::Core {
  Core(ExecutorCore& of, const platform::Clock& time, SchedulerHooks given)
      : executor(of), clock(time), hooks(std::move(given)), sleeper(time) {}

  Result<> set_jobs(std::vector<ScheduledJob> jobs);
  Result<> apply_wanted(SystemTime now);
  Result<> forget_others(const std::vector<DueRow>& rows, SystemTime now);

  void loop(const std::stop_token& stop);
  MonoTime step(const std::stop_token& stop);
  void look_at_clock(MonoTime mono, SystemTime now);
  Result<> deal_with(Entry& entry, SystemTime looked, SystemTime now);
  Result<> count_from(Entry& entry, SystemTime then);
  Result<> start(Entry& entry, SystemTime due, SystemTime now);
  Result<> missed(Entry& entry, MissedRuns runs, SystemTime now);

  ExecutorCore& executor;
  const platform::Clock& clock;
  const SchedulerHooks hooks;
  Sleeper sleeper;

  std::mutex step_mutex;       // one step, or one change of the jobs, at a time
  std::vector<Entry> entries;  // guarded by step_mutex
  std::optional<std::vector<ScheduledJob>> wanted;  // guarded by step_mutex; not in force yet
  struct Look {
    SystemTime wall;
    MonoTime by;  // not before the wall clock was read
  };
  std::optional<Look> last_look;  // at the clocks; guarded by step_mutex

  std::mutex stop_mutex;
  std::jthread thread;  // last: it uses all of the above
};

Result<> Scheduler::Core::set_jobs(std::vector<ScheduledJob> jobs) {
  const std::lock_guard lock(step_mutex);
  const MonoTime mono = clock.monotonic();
  const SystemTime now = clock.now();
  wanted = std::move(jobs);
  const auto applied = apply_wanted(now);
  look_at_clock(mono, now);
  executor.board().scheduler_looked(
      now, applied ? std::string() : std::string(applied.error().info().name));
  executor.board().publish(now);
  sleeper.wake();
  return applied;
}

Result<> Scheduler::Core::apply_wanted(SystemTime now) {
  if (!wanted) return {};
  TRY_ASSIGN(const auto rows, executor.store().due());
  std::vector<Entry> fresh;
  std::map<JobKey, BoardDue> board;
  for (const ScheduledJob& job : *wanted) {
    DueRow row = known_row(job, rows);
    if (row.schedule != job.schedule) {
      row.last_due_at = now;
      TRY(executor.store().save_due(job.job, job.kind, job.schedule, now));
    }
    const Entry& entry = fresh.emplace_back(Entry{job, row.last_due_at, {}});
    board[entry.key()] = {entry.next(now), row.missed_due_at, row.missed_reason};
  }
  TRY(forget_others(rows, now));
  entries = std::move(fresh);
  wanted.reset();
  executor.board().scheduled(board);
  return {};
}

// A job that left the configuration and comes back one day has missed nothing meanwhile.
Result<> Scheduler::Core::forget_others(const std::vector<DueRow>& rows, SystemTime now) {
  for (const DueRow& row : rows) {
    const bool kept = std::ranges::any_of(*wanted, [&](const ScheduledJob& job) {
      return job.job == row.job && job.kind == row.kind;
    });
    if (!kept && !row.schedule.empty()) TRY(executor.store().save_due(row.job, row.kind, "", now));
  }
  return {};
}

void Scheduler::Core::loop(const std::stop_token& stop) {
  while (!stop.stop_requested()) sleeper.sleep_until(step(stop), stop);
}

MonoTime Scheduler::Core::step(const std::stop_token& stop) {
  const std::lock_guard lock(step_mutex);
  const MonoTime mono = clock.monotonic();
  const SystemTime now = clock.now();
  const SystemTime looked = last_look ? last_look->wall : now;
  Duration sleep = kRetry;  // at most: the wall clock may jump
  const auto applied = apply_wanted(now);
  std::string error = applied ? std::string() : std::string(applied.error().info().name);
  if (last_look) look_at_clock(mono, now);
  for (Entry& entry : entries) {
    if (stop.stop_requested()) break;
    const Result<> dealt = deal_with(entry, looked, now);
    // A full queue is no defect: what is due waits before it.
    if (!dealt && dealt.error().code() != ErrorCode::queue_full) error = dealt.error().info().name;
    const auto next = dealt ? entry.next(now) : entry.job.next(entry.last_due);
    executor.board().next_due(entry.key(), next);
    if (next && dealt) sleep = std::min(sleep, *next - now);
  }
  executor.board().scheduler_looked(now, std::move(error));
  executor.board().publish(now);
  return mono + sleep;
}

Result<> Scheduler::Core::deal_with(Entry& entry, SystemTime looked, SystemTime now) {
  DuePlan plan = plan_due(entry.job, entry.last_due, now);
  if (plan.clock_went_back) return count_from(entry, now);
  const auto known = [&](SystemTime due) { return entry.knows(due, looked); };
  // The list that reaches back to what is known leaves nothing out.
  if (std::erase_if(plan.down, known) > 0) plan.older_left_out = false;
  const bool known_window = plan.window && known(*plan.window);
  if (!plan.down.empty()) {
    MissedRuns runs;
    runs.due = plan.down;
    runs.older_left_out = plan.older_left_out;
    runs.reason = entry.blocked_by.empty() ? std::string(kMissedDown) : entry.blocked_by;
    TRY(missed(entry, std::move(runs), now));
    entry.blocked_by.clear();
  }
  if (known_window) return count_from(entry, *plan.window);
  if (plan.window) {
    TRY(missed(entry, missed_one(*plan.window, kMissedWindow), now));
    entry.blocked_by.clear();
  }
  if (!plan.run) return {};
  const Result<> started = start(entry, *plan.run, now);
  entry.blocked_by = started ? std::string() : std::string(started.error().info().name);
  return started;
}

// By the other clock, or, when it was set back while nobody looked, by what was dealt with already.
// `mono` was read before `now`: however long we are held between two readings, that is no jump.
void Scheduler::Core::look_at_clock(MonoTime mono, SystemTime now) {
  SystemTime before = now;
  if (last_look) {
    before = last_look->wall + std::chrono::duration_cast<Duration>(mono - last_look->by);
  } else {
    for (const Entry& entry : entries) before = std::max(before, entry.last_due);
  }
  last_look = {now, clock.monotonic()};
  if (before <= now + kClockTolerance) return;
  executor.board().clock_went_back(now);
  if (hooks.clock_went_back) hooks.clock_went_back(before, now);
}

Result<> Scheduler::Core::count_from(Entry& entry, SystemTime then) {
  TRY(executor.store().save_due(entry.job.job, entry.job.kind, entry.job.schedule, then));
  entry.dealt_until = std::max(entry.dealt_until, entry.last_due);
  entry.last_due = then;
  entry.reported = {};
  return {};
}

Result<> Scheduler::Core::start(Entry& entry, SystemTime due, SystemTime now) {
  const ScheduledJob& job = entry.job;
  RunRequest request = job.request(due);
  request.job = job.job;
  request.kind = job.kind;
  request.due_at = due;
  request.trigger.by = "schedule";
  if (job.window && job.catch_up == CatchUp::wait) request.start_before = due + *job.window;
  const auto submitted = executor.submit(std::move(request));
  if (submitted) {
    entry.last_due = due;
    entry.dealt_until = {};
    return {};
  }
  if (submitted.error().code() != ErrorCode::run_conflict) return fail(submitted.error());
  return missed(entry, missed_one(due, kMissedOverlap), now);
}

// Reported before it is marked: a crash in between reports it twice, never not at all.
Result<> Scheduler::Core::missed(Entry& entry, MissedRuns runs, SystemTime now) {
  runs.job = entry.job.job;
  runs.kind = entry.job.kind;
  runs.noticed_at = now;
  const SystemTime newest = runs.due.back();
  if (hooks.missed && newest > entry.reported) TRY(hooks.missed(runs));
  entry.reported = newest;
  TRY(executor.store().mark_missed(runs.job, runs.kind, newest, runs.reason));
  entry.last_due = newest;
  entry.dealt_until = {};
  executor.board().missed(entry.key(), newest, runs.reason);
  return {};
}

Scheduler::Scheduler(Executor& executor, const platform::Clock& clock, SchedulerHooks hooks)
    : core_(std::make_unique<Core>(*executor.core_, clock, std::move(hooks))) {
  core_->thread =
      std::jthread([core = core_.get()](const std::stop_token& stop) { core->loop(stop); });
}

Scheduler::~Scheduler() {
  stop();
}

Result<> Scheduler::set_jobs(std::vector<ScheduledJob> jobs) {
  return core_->set_jobs(std::move(jobs));
}

void Scheduler::stop() {
  const std::lock_guard lock(core_->stop_mutex);
  core_->thread.request_stop();
  if (core_->thread.joinable()) core_->thread.join();
}

}  // namespace vigie::jobs
