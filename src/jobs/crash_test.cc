// A process that dies at any durable step of a run leaves a state.db from which the next one knows
// what was and what was not. The process is this test binary, started again by a death test.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <latch>

#include "jobs/runs_for_test.h"
#include "jobs/scheduler.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

constexpr const char* kFolder = "VIGIE_TEST_FOLDER";

// The process that dies works in the folder of the one that looks.
platform::Path shared_folder(const testing::TempFolder& own) {
  if (const char* given = std::getenv(kFolder)) return given;
  ::setenv(kFolder, own.path().c_str(), 1);
  return own.path();
}

ScheduledJob hourly(const testing::FakeClock& clock, Work work) {
  ScheduledJob job;
  job.job = "nightly";
  job.kind = "backup";
  job.schedule = "hourly";
  job.next = [first = clock.now() + 1h](SystemTime after) {
    return after < first ? std::optional(first) : std::nullopt;
  };
  job.request = [work = std::move(work)](SystemTime) {
    RunRequest request;
    request.work = work;
    request.idempotency = IdempotencyKey{"daemon", "the first", "h"};
    return request;
  };
  return job;
}

struct CrashCase {
  const char* failpoint;
  std::optional<RunState> left;  // how the row is found; nothing: there is none
  RunState end = RunState::succeeded;
};

std::string name_of(const ::testing::TestParamInfo<CrashCase>& tested) {
  std::string name = tested.param.failpoint;
  std::ranges::replace(name, '.', '_');
  return name;
}

// Work that comes to this end.
Work ending_with(RunState end, std::unique_ptr<Executor>& executor) {
  return [end, &executor](RunContext& context) {
    context.progress(RunProgress{.phase = "dump"});
    if (end == RunState::failed) return RunOutcome::of(Error(ErrorCode::dump_failed));
    if (end == RunState::could_not_verify) return RunOutcome::of(Error(ErrorCode::internal_error));
    if (end == RunState::cancelled) (void)executor->cancel(context.id(), "asked by a test");
    return end == RunState::succeeded ? RunOutcome::succeeded()
                                      : RunOutcome::of(Error(ErrorCode::cancelled));
  };
}

struct SharedState {
  ~SharedState() { ::unsetenv(kFolder); }

  testing::TempFolder own_;
  platform::Path state_ = shared_folder(own_) / "state.db";
  testing::FakeClock clock_;
};

class CrashTest : public ::testing::TestWithParam<CrashCase>, protected SharedState {
 protected:
  // Lives until the failpoint, or ends well when it is passed by.
  void live_and_die() {
    ::setenv("VIGIE_FAILPOINTS", (std::string(GetParam().failpoint) + "=kill").c_str(), 1);
    testing::Mailbox<RunId> ended;
    ExecutorHooks hooks;
    hooks.ended = [&](const RunRow& row) { ended.put(row.id); };
    auto executor = *Executor::open(state_, clock_, {}, std::move(hooks));
    Scheduler scheduler(*executor, clock_);
    (void)scheduler.set_jobs({hourly(clock_, ending_with(GetParam().end, executor))});
    clock_.advance(1h);
    (void)ended.take();
  }
};

TEST_P(CrashTest, LeavesNothingHalfDone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(live_and_die(), ::testing::KilledBySignal(SIGKILL), "");

  const auto left = GetParam().left;
  const SystemTime due = clock_.now() + 1h;
  std::vector<RunRow> recovered;
  {
    const auto store = *RunStore::open(state_);
    const auto key = store->find(IdempotencyKey{"daemon", "the first", "h"}, clock_.now());
    // The row, its key and its due time: all or nothing.
    EXPECT_EQ(key->has_value(), left.has_value());
    EXPECT_EQ(store->due()->front().last_due_at == due, left.has_value());
    if (left) {
      EXPECT_EQ((*store->find(**key))->state, *left);
    }
  }
  ExecutorHooks hooks;
  hooks.recover = [&](const RunRow& row) -> Result<> {
    recovered.push_back(row);
    return {};
  };
  auto executor = *Executor::open(state_, clock_, {}, std::move(hooks));
  EXPECT_EQ(recovered.size(), left && !has_ended(*left) ? 1U : 0U);
  if (left) {
    const RunRow last = *executor->view()->find("nightly", "backup")->last_attempt;
    EXPECT_EQ(last.state, has_ended(*left) ? *left : RunState::interrupted);
    EXPECT_EQ(last.due_at, due);
  }
}

INSTANTIATE_TEST_SUITE_P(
    At, CrashTest,
    ::testing::Values(
        CrashCase{"jobs.row.queued.before", {}}, CrashCase{"jobs.row.queued.within", {}},
        CrashCase{"jobs.row.queued.after", RunState::queued},
        CrashCase{"jobs.row.running.before", RunState::queued},
        CrashCase{"jobs.row.running.after", RunState::running},
        CrashCase{"jobs.row.succeeded.before", RunState::running},
        CrashCase{"jobs.row.succeeded.after", RunState::succeeded},
        CrashCase{"jobs.row.failed.before", RunState::running, RunState::failed},
        CrashCase{"jobs.row.failed.after", RunState::failed, RunState::failed},
        CrashCase{"jobs.row.could_not_verify.before", RunState::running,
                  RunState::could_not_verify},
        CrashCase{"jobs.row.could_not_verify.after", RunState::could_not_verify,
                  RunState::could_not_verify},
        CrashCase{"jobs.row.cancelled.before", RunState::running, RunState::cancelled},
        CrashCase{"jobs.row.cancelled.after", RunState::cancelled, RunState::cancelled}),
    name_of);

class RecoveryCrashTest : public CrashTest {
 protected:
  void recover_and_die() {
    ::setenv("VIGIE_FAILPOINTS", (std::string(GetParam().failpoint) + "=kill").c_str(), 1);
    (void)Executor::open(state_, clock_);
  }
};

TEST_P(RecoveryCrashTest, ARecoveryThatDiesIsDoneAgain) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (!::testing::internal::InDeathTestChild()) {
    ASSERT_TRUE(leave_a_running_row(state_, RunId(std::string(32, 'a')), clock_.now()));
  }
  EXPECT_EXIT(recover_and_die(), ::testing::KilledBySignal(SIGKILL), "");

  int recovered = 0;
  ExecutorHooks hooks;
  hooks.recover = [&](const RunRow&) -> Result<> {
    ++recovered;
    return {};
  };
  auto executor = *Executor::open(state_, clock_, {}, std::move(hooks));
  EXPECT_EQ(recovered, GetParam().left == RunState::running ? 1 : 0);
  EXPECT_EQ(executor->view()->jobs.front().last_attempt->state, RunState::interrupted);
}

INSTANTIATE_TEST_SUITE_P(
    At, RecoveryCrashTest,
    ::testing::Values(CrashCase{"jobs.row.interrupted.before", RunState::running},
                      CrashCase{"jobs.row.interrupted.after", RunState::interrupted}),
    name_of);

// Two due times passed while the machine was down: both are reported, and then marked.
class MissedCrashTest : public CrashTest {
 protected:
  // Starts, meets the missed times and the run that catches up, and ends; how many were reported.
  size_t live() {
    testing::Mailbox<RunId> ended;
    size_t reported = 0;
    ExecutorHooks hooks;
    hooks.ended = [&](const RunRow& row) { ended.put(row.id); };
    auto executor = *Executor::open(state_, clock_, {}, std::move(hooks));
    SchedulerHooks missed;
    missed.missed = [&](const MissedRuns& runs) -> Result<> {
      reported += runs.due.size();
      return {};
    };
    Scheduler scheduler(*executor, clock_, std::move(missed));
    ScheduledJob job = hourly(clock_, ending_with(RunState::succeeded, executor));
    job.next = [](SystemTime after) { return std::chrono::floor<std::chrono::hours>(after) + 1h; };
    job.request = [work = ending_with(RunState::succeeded, executor)](SystemTime) {
      RunRequest request;
      request.work = work;
      return request;
    };
    (void)scheduler.set_jobs({job});
    if (clock_.now() != began_) (void)ended.take();
    scheduler.stop();
    return reported;
  }
  void live_and_die_over_the_missed() {
    ::setenv("VIGIE_FAILPOINTS", (std::string(GetParam().failpoint) + "=kill").c_str(), 1);
    (void)live();
  }
  const SystemTime began_ = clock_.now();
};

TEST_P(MissedCrashTest, WhatWasMissedIsReportedAgainOrMarked) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const bool dying = ::testing::internal::InDeathTestChild();
  EXPECT_EQ(dying ? 0U : live(), 0U);
  clock_.advance(3h);
  EXPECT_EXIT(live_and_die_over_the_missed(), ::testing::KilledBySignal(SIGKILL), "");
  EXPECT_EQ(live(), GetParam().left ? 0U : 2U);
  clock_.advance(1h);
  EXPECT_EQ(live(), 0U) << "once";
}

INSTANTIATE_TEST_SUITE_P(At, MissedCrashTest,
                         ::testing::Values(CrashCase{"jobs.due.missed.before", {}},
                                           CrashCase{"jobs.due.missed.after", RunState::queued}),
                         name_of);

class StuckTest : public ::testing::Test, protected SharedState {
 protected:
  // As the daemon leaves: its thread still waits, so nothing may be torn down.
  void leave_with_stuck_work() {
    const platform::RealClock clock;
    std::latch never(1);
    testing::Mailbox<RunId> started;
    testing::Mailbox<RunId> ended;
    ExecutorOptions options;
    options.shutdown_limit = 100ms;
    ExecutorHooks hooks;
    hooks.ended = [&](const RunRow& row) { ended.put(row.id); };
    auto executor = *Executor::open(state_, clock, options, std::move(hooks));
    RunRequest request;
    request.job = "nightly";
    request.kind = "backup";
    request.work = [&](RunContext& context) {
      started.put(context.id());
      never.wait();
      return RunOutcome::succeeded();
    };
    (void)executor->submit(std::move(request));
    const auto id = started.take();
    const bool named = executor->shutdown() == std::vector{*id};
    std::_Exit(named && ended.take() == id ? 7 : 1);
  }

  // The disk of the ledger hangs: what ended, and what still waited, cannot be recorded.
  void leave_with_a_stuck_end() {
    const platform::RealClock clock;
    std::latch never(1);
    testing::Mailbox<RunId> ending;
    ExecutorOptions options;
    options.shutdown_limit = 100ms;
    ExecutorHooks hooks;
    hooks.record = [&](const RunRow& row) -> Result<> {
      ending.put(row.id);
      never.wait();
      return {};
    };
    auto executor = *Executor::open(state_, clock, options, std::move(hooks));
    RunRequest request;
    request.job = "nightly";
    request.kind = "backup";
    request.work = [](RunContext&) { return RunOutcome::succeeded(); };
    const auto first = executor->submit(request);
    ending.take();
    const auto waits = executor->submit(request);
    std::vector stuck{first->id, waits->id};
    std::ranges::sort(stuck);
    std::_Exit(executor->shutdown() == stuck ? 7 : 1);
  }
};

TEST_F(StuckTest, WorkThatDoesNotReturnIsNamedAndRecordedInTime) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(leave_with_stuck_work(), ::testing::ExitedWithCode(7), "");
  const auto executor = *Executor::open(state_, clock_);
  EXPECT_EQ(executor->view()->jobs.front().last_attempt->state, RunState::interrupted);
  EXPECT_EQ(executor->view()->jobs.front().last_attempt->error()->parameter("reason"),
            "Vigie was stopped");
}

TEST_F(StuckTest, AnEndThatCannotBeRecordedIsNamedInTimeAndFoundAtTheNextStart) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(leave_with_a_stuck_end(), ::testing::ExitedWithCode(7), "");
  size_t recovered = 0;
  ExecutorHooks hooks;
  hooks.recover = [&](RunRow& /*row*/) -> Result<> {
    ++recovered;
    return {};
  };
  const auto executor = *Executor::open(state_, clock_, {}, std::move(hooks));
  EXPECT_EQ(recovered, 2U);
}

}  // namespace
}  // namespace vigie::jobs
