// Every run's end is evidence before it is a row.
#include <gtest/gtest.h>

#include <atomic>

#include "jobs/executor.h"
#include "jobs/run_store.h"
#include "jobs/runs_for_test.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;
using testing::Mailbox;

class EvidenceTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void TearDown() override { executor_.reset(); }

  void open() {
    ExecutorHooks hooks;
    hooks.recover = [this](RunRow& row) -> Result<> {
      if (known_) row.state = RunState::succeeded;
      return take(row);
    };
    hooks.record = [this](const RunRow& row) { return take(row); };
    auto opened = Executor::open(folder_ / "state.db", clock_, options_, std::move(hooks));
    ASSERT_TRUE(opened);
    executor_ = std::move(*opened);
  }

  Result<> take(const RunRow& row) {
    if (hangs_) {
      hung_.put(row.id);
      mended_.take();
    }
    if (!takes_) return fail(ErrorCode::ledger_unwritable);
    recorded_.put(row);
    return {};
  }

  RunId submit(std::string job, Work work) {
    RunRequest request;
    request.job = std::move(job);
    request.kind = "backup";
    request.claims = {claim_};
    request.work = std::move(work);
    if (window_) request.start_before = clock_.now() + *window_;
    return executor_->submit(std::move(request))->id;
  }
  Work until_let_go() {
    return [this](RunContext& context) {
      started_.put(context.id());
      let_go_.take();
      return RunOutcome::succeeded();
    };
  }
  static RunOutcome done(RunContext& /*context*/) { return RunOutcome::succeeded(); }

  RunState stored(const RunId& id) {
    return (*(*RunStore::open(folder_ / "state.db"))->find(id))->state;
  }
  void leave_a_running_row(const RunId& id) {
    executor_.reset();
    ASSERT_TRUE(jobs::leave_a_running_row(folder_ / "state.db", id, clock_.now()));
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  ExecutorOptions options_;
  std::atomic<bool> takes_ = true;
  std::atomic<bool> known_ = false;  // the evidence says how the dead run ended
  std::atomic<bool> hangs_ = false;  // what is to be recorded waits until it is mended
  std::optional<Duration> window_;
  std::string claim_ = "x";
  Mailbox<RunId> hung_;
  Mailbox<bool> mended_;
  Mailbox<RunRow> recorded_;
  Mailbox<RunId> started_;
  Mailbox<bool> let_go_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(EvidenceTest, EveryEndIsRecordedOnce) {
  const RunId runs = submit("a", until_let_go());
  const RunId cancelled = submit("b", done);
  window_ = 1h;
  const RunId missed = submit("c", done);
  window_.reset();
  const RunId waits = submit("d", done);
  started_.take();
  ASSERT_TRUE(executor_->cancel(cancelled, "no more"));
  EXPECT_EQ(recorded_.take()->id, cancelled);
  clock_.advance(1h + 1s);
  EXPECT_EQ(recorded_.take()->id, missed);
  let_go_.put(true);
  EXPECT_EQ(recorded_.take()->id, runs);
  EXPECT_EQ(recorded_.take()->id, waits);
  executor_->shutdown();
  EXPECT_TRUE(recorded_.empty());
}

TEST_F(EvidenceTest, WhatWaitsAtShutdownIsRecorded) {
  const RunId runs = submit("a", until_let_go());
  const RunId waits = submit("b", done);
  started_.take();
  std::jthread stopping([&] { executor_->shutdown(); });
  const auto first = recorded_.take();
  EXPECT_EQ(first->id, waits);
  EXPECT_EQ(first->state, RunState::interrupted);
  let_go_.put(true);
  EXPECT_EQ(recorded_.take()->id, runs);
}

TEST_F(EvidenceTest, WithoutEvidenceARowHasNotEnded) {
  takes_ = false;
  const RunId id = submit("a", done);
  ASSERT_TRUE(executor_->wait(id, {}));
  EXPECT_EQ(executor_->find(id)->state, RunState::succeeded);
  EXPECT_EQ(stored(id), RunState::running);
  EXPECT_EQ(executor_->view()->state_error_code, "") << "nothing is wrong with state.db";

  takes_ = true;
  clock_.advance(options_.save_retry);
  EXPECT_EQ(recorded_.take()->id, id);
  executor_.reset();
  EXPECT_EQ(stored(id), RunState::succeeded);
  EXPECT_TRUE(recorded_.empty());
}

TEST_F(EvidenceTest, OthersRunWhileALedgerTakesNothingUntilTooManyWait) {
  executor_.reset();
  options_.queue_limit = 2;
  open();
  takes_ = false;
  for (const char* job : {"a", "b"}) ASSERT_TRUE(executor_->wait(submit(job, done), {}));
  const RunId held = submit("c", done);
  EXPECT_EQ(executor_->find(held)->state, RunState::queued);
  takes_ = true;
  clock_.advance(options_.save_retry);
  EXPECT_EQ(executor_->wait(held, {})->state, RunState::succeeded);
}

TEST_F(EvidenceTest, ADeadRunIsMarkedOnlyWhenItsEvidenceIsDurable) {
  const RunId id(std::string(32, 'a'));
  leave_a_running_row(id);
  takes_ = false;
  open();
  EXPECT_EQ(executor_->find(id)->state, RunState::interrupted);
  EXPECT_EQ(stored(id), RunState::running) << "the next start would find it again";

  takes_ = true;
  clock_.advance(options_.save_retry);
  EXPECT_EQ(recorded_.take()->id, id);
  executor_.reset();
  EXPECT_EQ(stored(id), RunState::interrupted);
  EXPECT_TRUE(recorded_.empty());
}

TEST_F(EvidenceTest, NobodyWaitsForALedgerThatHangsButWhatEndsAndWhatIsBehindIt) {
  hangs_ = true;
  const RunId ends = submit("a", done);
  EXPECT_EQ(hung_.take(), ends);
  EXPECT_EQ(executor_->find(ends)->state, RunState::running) << "nothing proves its end yet";
  EXPECT_TRUE(executor_->view()->find("a", "backup")->running);
  const RunId cancelled = submit("b", done);
  const RunId behind = submit("c", done);
  EXPECT_EQ(executor_->find(behind)->state, RunState::queued) << "its claim is not free yet";
  ASSERT_TRUE(executor_->cancel(cancelled, "no more"));
  EXPECT_EQ(executor_->find(cancelled)->state, RunState::cancelled);
  claim_ = "y";
  const RunId other = submit("d", until_let_go());
  EXPECT_EQ(started_.take(), other);

  hangs_ = false;
  mended_.put(true);
  EXPECT_EQ(executor_->wait(behind, {})->state, RunState::succeeded);
  for (const RunId& id : {ends, cancelled, behind}) EXPECT_EQ(recorded_.take()->id, id);
  let_go_.put(true);
}

TEST_F(EvidenceTest, AnEndThatALedgerThatHangsKeepsBackIsTold) {
  hangs_ = true;
  const RunId id = submit("a", done);
  hung_.take();
  const SystemTime ended = clock_.now();
  clock_.advance(1min);
  EXPECT_EQ(executor_->find(id)->state, RunState::running);
  EXPECT_EQ(executor_->find(id)->end_unrecorded_since, ended);
  const auto view = executor_->view();
  EXPECT_EQ(view->find("a", "backup")->running->end_unrecorded_since, ended);
  EXPECT_EQ(view->end_unrecorded_since, ended);

  hangs_ = false;
  mended_.put(true);
  EXPECT_FALSE(executor_->wait(id, {})->end_unrecorded_since);
  EXPECT_FALSE(executor_->view()->end_unrecorded_since);
}

TEST_F(EvidenceTest, AnEndThatALedgerDoesNotTakeIsTold) {
  takes_ = false;
  const RunId id = submit("a", done);
  const SystemTime ended = clock_.now();
  EXPECT_EQ(executor_->wait(id, {})->end_unrecorded_since, ended);
  EXPECT_EQ(executor_->view()->end_unrecorded_since, ended);
  EXPECT_EQ(executor_->view()->jobs.front().last_attempt->end_unrecorded_since, ended);

  takes_ = true;
  clock_.advance(options_.save_retry);
  recorded_.take();
  executor_->shutdown();
  EXPECT_FALSE(executor_->find(id)->end_unrecorded_since);
  EXPECT_FALSE(executor_->view()->end_unrecorded_since);
}

TEST_F(EvidenceTest, ADeadlineHoldsWhileALedgerHangs) {
  hangs_ = true;
  submit("a", done);
  hung_.take();
  claim_ = "y";
  submit("b", [this](RunContext& context) {
    started_.put(context.id());
    context.clock().sleep_until(MonoTime::max(), context.stop_token());
    let_go_.put(true);
    return RunOutcome::of(Error(ErrorCode::cancelled));
  });
  started_.take();
  clock_.advance(RunRequest().timeout);
  EXPECT_TRUE(let_go_.take()) << "nobody stopped it";
  hangs_ = false;
  mended_.put(true);
}

TEST_F(EvidenceTest, WhatIsCalledOffWhileALedgerHangsTakesItsPlaceInTheQueue) {
  executor_.reset();
  options_.queue_limit = 2;
  open();
  hangs_ = true;
  submit("a", done);
  hung_.take();
  for (const char* job : {"b", "c"}) ASSERT_TRUE(executor_->cancel(submit(job, done), "no more"));
  RunRequest fourth;
  fourth.job = "d";
  EXPECT_EQ(executor_->submit(std::move(fourth)).error().code(), ErrorCode::queue_full);
  hangs_ = false;
  mended_.put(true);
}

TEST_F(EvidenceTest, ADeadRunIsMarkedAsItsEvidenceSays) {
  const RunId id(std::string(32, 'a'));
  leave_a_running_row(id);
  known_ = true;
  open();
  EXPECT_EQ(stored(id), RunState::succeeded);
}

}  // namespace
}  // namespace vigie::jobs
