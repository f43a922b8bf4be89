#include "jobs/scheduler.h"

#include <gtest/gtest.h>

#include <atomic>

#include "jobs/run_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;
using testing::Mailbox;

SystemTime at(std::string_view text) {
  return *parse_rfc3339(text);
}

// The clock stands at 2026-11-20T00:00:00Z.
class SchedulerTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { close(); }

  void open() {
    ExecutorHooks hooks;
    hooks.ended = [this](const RunRow& row) { ended_.put(row); };
    executor_ = *Executor::open(folder_ / "state.db", clock_, options_, std::move(hooks));
    scheduler_ = std::make_unique<Scheduler>(*executor_, clock_, scheduler_hooks());
  }
  SchedulerHooks scheduler_hooks() {
    SchedulerHooks hooks;
    hooks.missed = [this](const MissedRuns& runs) -> Result<> {
      if (refuse_facts_) return fail(ErrorCode::ledger_unwritable);
      missed_.put(runs);
      return {};
    };
    hooks.clock_went_back = [this](SystemTime before, SystemTime now) {
      went_back_.put({before, now});
    };
    return hooks;
  }
  void close() {
    scheduler_.reset();
    executor_.reset();
  }
  void restart_with(std::vector<ScheduledJob> jobs) {
    close();
    open();
    set(std::move(jobs));
  }

  static ScheduledJob job(std::string name, const std::string& schedule, Work work = done) {
    ScheduledJob job;
    job.job = std::move(name);
    job.kind = "backup";
    job.schedule = schedule;
    job.next = [parsed = *Schedule::parse(schedule)](SystemTime after) {
      return parsed.next_after({}, after);
    };
    job.request = [work = std::move(work)](SystemTime) {
      RunRequest request;
      request.correlation_id = new_correlation_id();
      request.work = work;
      return request;
    };
    return job;
  }
  static RunOutcome done(RunContext& /*context*/) { return RunOutcome::succeeded(); }
  Work until_let_go() {
    return [this](RunContext& context) {
      started_.put(context.id());
      let_go_.take();
      return RunOutcome::succeeded();
    };
  }
  void set(std::vector<ScheduledJob> jobs) { ASSERT_TRUE(scheduler_->set_jobs(std::move(jobs))); }
  // state.db takes no `what` ("insert on run") until accept().
  void refuse(const std::string& what) {
    ASSERT_TRUE(state_db().execute("create trigger refuse before " + what +
                                   " begin select raise(abort, 'no'); end"));
  }
  void accept() { ASSERT_TRUE(state_db().execute("drop trigger refuse")); }
  platform::Sqlite state_db() { return *platform::Sqlite::open(folder_ / "state.db"); }
  // The clock is set, and the scheduler has looked at it.
  void set_clock(std::string_view time) {
    clock_.jump_to(at(time));
    clock_.advance(kRetry);
    const auto looked = [&] {
      const auto seen = executor_->view()->scheduler_at;
      return seen >= at(time) && seen <= clock_.now();
    };
    while (!looked()) std::this_thread::yield();
  }
  SystemTime next_end() {
    const auto row = ended_.take();
    return row ? row->due_at.value_or(SystemTime()) : SystemTime();
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  Mailbox<RunRow> ended_;
  Mailbox<MissedRuns> missed_;
  Mailbox<std::pair<SystemTime, SystemTime>> went_back_;
  Mailbox<RunId> started_;
  Mailbox<bool> let_go_;
  std::atomic<bool> refuse_facts_ = false;
  ExecutorOptions options_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, StartsARunWhenItIsDue) {
  set({job("nightly", "0 2 * * *")});
  clock_.advance(2h);
  const auto row = ended_.take();
  EXPECT_EQ(row->due_at, at("2026-11-20T02:00:00Z"));
  EXPECT_EQ(row->trigger.by, "schedule");
  EXPECT_EQ(row->job, "nightly");
}

TEST_F(SchedulerTest, StartsEachDueTimeOnce) {
  set({job("often", "every 1m")});
  for (int minute = 1; minute <= 5; ++minute) {
    clock_.advance(1min);
    EXPECT_EQ(next_end(), at("2026-11-20T00:00:00Z") + 1min * minute);
  }
  EXPECT_TRUE(ended_.empty());
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, ANewJobHasMissedNothing) {
  set({job("often", "every 1m")});
  EXPECT_EQ(executor_->view()->find("often", "backup")->next_due_at, at("2026-11-20T00:01:00Z"));
  clock_.advance(1min);
  EXPECT_EQ(next_end(), at("2026-11-20T00:01:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, AfterDowntimeOneRunCatchesUpAndTheOthersAreReported) {
  set({job("hourly", "@hourly")});
  close();
  clock_.advance(3h + 30min);
  open();
  set({job("hourly", "@hourly")});
  EXPECT_EQ(next_end(), at("2026-11-20T03:00:00Z"));
  const auto missed = missed_.take();
  EXPECT_EQ(missed->due, (std::vector{at("2026-11-20T01:00:00Z"), at("2026-11-20T02:00:00Z")}));
  EXPECT_EQ(missed->reason, "down");
  EXPECT_EQ(missed->job, "hourly");
}

TEST_F(SchedulerTest, ARestartRepeatsNothing) {
  set({job("hourly", "@hourly")});
  clock_.advance(1h);
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  restart_with({job("hourly", "@hourly")});
  clock_.advance(1h);
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, WhatWasMissedIsReportedOnce) {
  set({job("hourly", "@hourly")});
  close();
  clock_.advance(2h);
  open();
  set({job("hourly", "@hourly")});
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
  EXPECT_TRUE(missed_.take());
  restart_with({job("hourly", "@hourly")});
  clock_.advance(1h);
  EXPECT_EQ(next_end(), at("2026-11-20T03:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, AWindowThatPassedIsAMissedRun) {
  ScheduledJob nightly = job("nightly", "0 2 * * *");
  nightly.window = 1h;
  set({nightly});
  close();
  clock_.advance(5h);
  open();
  set({nightly});
  const auto missed = missed_.take();
  EXPECT_EQ(missed->due, std::vector{at("2026-11-20T02:00:00Z")});
  EXPECT_EQ(missed->reason, "window");
  clock_.advance(21h);
  EXPECT_EQ(next_end(), at("2026-11-21T02:00:00Z"));
}

TEST_F(SchedulerTest, ARunThatIsToCatchUpStartsAfterItsWindow) {
  ScheduledJob nightly = job("nightly", "0 2 * * *");
  nightly.window = 1h;
  nightly.catch_up = CatchUp::now;
  set({nightly});
  close();
  clock_.advance(5h);
  open();
  set({nightly});
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
}

TEST_F(SchedulerTest, ARunThatWaitsForItsClaimsBeyondItsWindowIsMissed) {
  RunRequest holder;
  holder.job = "holder";
  holder.kind = "verify";
  holder.claims = {"store:local"};
  holder.work = until_let_go();
  ASSERT_TRUE(executor_->submit(std::move(holder)));
  ScheduledJob nightly = job("nightly", "0 2 * * *");
  nightly.window = 1h;
  nightly.request = [](SystemTime) {
    RunRequest request;
    request.claims = {"store:local"};
    request.work = done;
    return request;
  };
  set({nightly});
  clock_.advance(2h);
  while (!executor_->view()->find("nightly", "backup")->queued) std::this_thread::yield();
  clock_.advance(1h + 1s);
  const auto late = ended_.take();
  EXPECT_EQ(late->error_code, "missed_run");
  ASSERT_TRUE(executor_->wait(late->id, {}));
  EXPECT_EQ(executor_->view()->find("nightly", "backup")->last_missed_reason, "window");
  let_go_.put(true);
}

TEST_F(SchedulerTest, ADueTimeBehindARunThatWaitsIsMissed) {
  set({job("often", "every 1m", until_let_go())});
  clock_.advance(1min);
  started_.take();
  clock_.advance(1min);
  while (!executor_->view()->find("often", "backup")->queued) std::this_thread::yield();
  clock_.advance(1min);
  const auto missed = missed_.take();
  EXPECT_EQ(missed->reason, "overlap");
  EXPECT_EQ(missed->due, std::vector{at("2026-11-20T00:03:00Z")});
  let_go_.put(true);
  let_go_.put(true);
  EXPECT_EQ(next_end(), at("2026-11-20T00:01:00Z"));
  EXPECT_EQ(next_end(), at("2026-11-20T00:02:00Z"));
}

TEST_F(SchedulerTest, AClockThatJumpsAheadRunsOnce) {
  set({job("hourly", "@hourly")});
  clock_.jump_to(at("2026-11-21T12:10:00Z"));
  clock_.advance(30s);
  EXPECT_EQ(next_end(), at("2026-11-21T12:00:00Z"));
  EXPECT_EQ(missed_.take()->due.size(), 35U);
}

TEST_F(SchedulerTest, AClockThatJumpsBackCountsFromThere) {
  set({job("hourly", "@hourly")});
  clock_.advance(1h);
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  clock_.jump_to(at("2026-11-19T12:30:00Z"));
  clock_.advance(30s);
  EXPECT_LE(went_back_.take()->second, at("2026-11-19T12:30:30Z"));
  clock_.advance(30min);
  EXPECT_EQ(next_end(), at("2026-11-19T13:00:00Z"));
}

TEST_F(SchedulerTest, AClockThatJumpsBackIsToldOnceAndShown) {
  set({job("hourly", "@hourly"), job("daily", "@daily"), job("rare", "@yearly")});
  clock_.advance(10min);
  clock_.jump_to(at("2026-11-19T12:00:00Z"));
  clock_.advance(30s);
  const auto told = went_back_.take();
  EXPECT_LE(told->first, at("2026-11-20T00:10:30Z"));
  EXPECT_LE(told->second, at("2026-11-19T12:00:30Z"));
  while (!executor_->view()->clock_went_back_at) std::this_thread::yield();
  EXPECT_EQ(executor_->view()->clock_went_back_at, told->second);
  clock_.advance(1h);
  EXPECT_EQ(next_end(), at("2026-11-19T13:00:00Z"));
  EXPECT_TRUE(went_back_.empty());
}

// Nothing was dealt with in the hour that comes again.
TEST_F(SchedulerTest, AClockThatJumpsBackIsToldAlsoWhenNoDueTimeComesAgain) {
  set({job("daily", "@daily")});
  clock_.advance(10h);
  // It must have seen the time that the clock then goes back from.
  while (executor_->view()->scheduler_at != clock_.now()) std::this_thread::yield();
  clock_.jump_to(clock_.now() - 1h);
  clock_.advance(30s);
  EXPECT_LE(went_back_.take()->second, at("2026-11-20T09:00:30Z"));
}

TEST_F(SchedulerTest, AClockThatWasSetBackWhileNobodyLookedIsTold) {
  set({job("hourly", "@hourly")});
  clock_.advance(1h);
  next_end();
  close();
  clock_.jump_to(at("2026-11-19T12:30:00Z"));
  open();
  set({job("hourly", "@hourly")});
  EXPECT_EQ(went_back_.take()->first, at("2026-11-20T01:00:00Z"));
}

TEST_F(SchedulerTest, AChangedScheduleCountsFromNow) {
  set({job("often", "@hourly")});
  close();
  clock_.advance(10h);
  open();
  set({job("often", "every 1m")});
  clock_.advance(1min);
  EXPECT_EQ(next_end(), at("2026-11-20T10:01:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, AJobThatLeftTheConfigurationIsNotStarted) {
  set({job("a", "every 1m"), job("b", "every 2m")});
  set({job("b", "every 2m")});
  clock_.advance(2min);
  EXPECT_EQ(ended_.take()->job, "b");
  clock_.advance(2min);
  EXPECT_EQ(ended_.take()->job, "b");
  EXPECT_EQ(executor_->view()->find("a", "backup"), nullptr);
}

TEST_F(SchedulerTest, WhatCannotBeReportedIsReportedLater) {
  set({job("hourly", "@hourly")});
  close();
  clock_.advance(2h + 1min);
  refuse_facts_ = true;
  open();
  set({job("hourly", "@hourly")});
  while (executor_->view()->scheduler_error_code.empty()) std::this_thread::yield();
  EXPECT_EQ(executor_->view()->scheduler_error_code, "ledger_unwritable");
  refuse_facts_ = false;
  clock_.advance(kRetry);
  const auto missed = missed_.take();
  EXPECT_EQ(missed->due, std::vector{at("2026-11-20T01:00:00Z")});
  EXPECT_EQ(missed->reason, "down") << "and not why it could not be reported";
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
}

// A host that came up with a wrong clock, and was set right a moment later.
TEST_F(SchedulerTest, WhatWasDealtWithBeforeTheClockWentBackIsNotMissedWhenItComesForthAgain) {
  set({job("hourly", "@hourly")});
  clock_.advance(1h);
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  set_clock("2026-11-19T20:30:00Z");
  while (!executor_->view()->clock_went_back_at) std::this_thread::yield();
  set_clock("2026-11-20T01:30:00Z");
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

// What was dealt with under a clock that ran ahead comes by once more in its own time.
TEST_F(SchedulerTest, WhatIsMissedAfterTheClockWentBackIsToldAllTheSame) {
  set({job("hourly", "@hourly")});
  set_clock("2026-11-20T04:00:00Z");
  EXPECT_EQ(next_end(), at("2026-11-20T04:00:00Z"));
  missed_.take();
  set_clock("2026-11-20T00:30:00Z");
  while (!executor_->view()->clock_went_back_at) std::this_thread::yield();

  refuse("insert on run");
  for (const auto* hour : {"2026-11-20T01:00:00Z", "2026-11-20T02:00:00Z"}) {
    set_clock(hour);
  }
  accept();
  clock_.advance(kRetry);
  EXPECT_EQ(missed_.take()->due, std::vector{at("2026-11-20T01:00:00Z")});
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
}

TEST_F(SchedulerTest, AWindowThatWasDealtWithBeforeTheClockWentBackIsNotMissed) {
  ScheduledJob nightly = job("nightly", "0 2 * * *");
  nightly.window = 1h;
  set({nightly});
  clock_.advance(2h);
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
  set_clock("2026-11-19T20:30:00Z");
  while (!executor_->view()->clock_went_back_at) std::this_thread::yield();
  set_clock("2026-11-20T10:00:00Z");
  clock_.advance(16h);
  EXPECT_EQ(next_end(), at("2026-11-21T02:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, AMissThatStateDoesNotTakeIsToldOnce) {
  set({job("hourly", "@hourly")});
  refuse("update on due");
  set_clock("2026-11-20T02:30:00Z");
  EXPECT_EQ(missed_.take()->due, std::vector{at("2026-11-20T01:00:00Z")});
  while (executor_->view()->scheduler_error_code.empty()) std::this_thread::yield();
  accept();
  clock_.advance(kRetry);
  EXPECT_EQ(next_end(), at("2026-11-20T02:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, WhatStateDoesNotTakeStartsLater) {
  set({job("hourly", "@hourly")});
  refuse("insert on run");
  clock_.advance(1h);
  while (executor_->view()->scheduler_error_code.empty()) std::this_thread::yield();
  accept();
  clock_.advance(kRetry);
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, WhatCouldNotStartStaysTheNextDueTime) {
  set({job("hourly", "@hourly")});
  refuse("insert on run");
  clock_.advance(1h);
  while (executor_->view()->scheduler_error_code.empty()) std::this_thread::yield();
  EXPECT_EQ(executor_->view()->find("hourly", "backup")->next_due_at, at("2026-11-20T01:00:00Z"));
}

TEST_F(SchedulerTest, JobsThatStateDoesNotTakeComeIntoForceLater) {
  set({job("hourly", "@hourly")});
  refuse("insert on due");
  EXPECT_FALSE(scheduler_->set_jobs({job("hourly", "@hourly"), job("half", "30 * * * *")}));
  EXPECT_FALSE(executor_->view()->scheduler_error_code.empty());
  EXPECT_EQ(executor_->view()->find("half", "backup"), nullptr);
  accept();
  clock_.advance(kRetry);
  while (!executor_->view()->scheduler_error_code.empty()) std::this_thread::yield();
  clock_.advance(30min);
  EXPECT_EQ(next_end(), at("2026-11-20T00:30:00Z"));
}

TEST_F(SchedulerTest, AJobThatComesBackHasMissedNothing) {
  set({job("nightly", "0 2 * * *")});
  set({});
  clock_.advance(40 * 24h);
  set({job("nightly", "0 2 * * *")});
  EXPECT_EQ(executor_->view()->find("nightly", "backup")->next_due_at, at("2026-12-30T02:00:00Z"));
  clock_.advance(2h);
  EXPECT_EQ(next_end(), at("2026-12-30T02:00:00Z"));
  EXPECT_TRUE(missed_.empty());
}

TEST_F(SchedulerTest, AFullQueueIsWaitedForAndNoError) {
  close();
  options_.queue_limit = 1;
  open();
  const auto held = [this](const char* name) {
    ScheduledJob one = job(name, "0 1 * * *");
    one.request = [work = until_let_go()](SystemTime) {
      RunRequest request;
      request.correlation_id = new_correlation_id();
      request.claims = {"one"};
      request.work = work;
      return request;
    };
    return one;
  };
  set({held("a"), held("b"), held("c")});
  clock_.advance(1h);
  started_.take();
  const auto left_waiting = [&] {
    const auto view = executor_->view();
    return view->queued == 1 && view->find("c", "backup")->next_due_at <= clock_.now();
  };
  while (!left_waiting()) std::this_thread::yield();
  EXPECT_EQ(executor_->view()->scheduler_error_code, "");
  for (int i = 0; i < 3; ++i) let_go_.put(true);
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  EXPECT_EQ(next_end(), at("2026-11-20T01:00:00Z"));
  clock_.advance(kRetry);
  EXPECT_EQ(ended_.take()->job, "c");
}

TEST_F(SchedulerTest, AfterStopNothingStarts) {
  set({job("often", "every 1m")});
  scheduler_->stop();
  clock_.advance(10min);
  EXPECT_TRUE(executor_->shutdown().empty());
  EXPECT_TRUE(ended_.empty());
}

}  // namespace
}  // namespace vigie::jobs
