#include "tests/support/executor_for_test.h"

#include "jobs/runs_for_test.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

TEST_F(ExecutorTest, ARunThatSucceededKeepsItsResultAcrossARestart) {
  const RunId id = submit(request("nightly", [](RunContext&) {
    return RunOutcome::succeeded({{"rows", 12}});
  }));
  wait(id);
  reopen();
  const RunRow row = find(id);
  EXPECT_EQ(row.state, RunState::succeeded);
  EXPECT_EQ(row.result.at("rows").as_int64(), 12);
  EXPECT_TRUE(row.started_at && row.ended_at && row.deadline_at);
}

TEST_F(ExecutorTest, TheRegistrySaysWhetherARunFailedOrCouldNotVerify) {
  const RunId failed = submit(request("a", [](RunContext&) {
    return RunOutcome::of(Error(ErrorCode::artefact_hash, {{"backup", "b"}, {"file", "f"}}));
  }));
  const RunId unclear = submit(request("b", [](RunContext&) {
    return RunOutcome::of(Error(ErrorCode::client_missing, {{"version", "15"}}));
  }));
  EXPECT_EQ(wait(failed).state, RunState::failed);
  EXPECT_EQ(wait(unclear).state, RunState::could_not_verify);
  EXPECT_EQ(find(unclear).error_code, "client_missing");
}

TEST_F(ExecutorTest, WorkIsGivenItsIdentityAndDeadline) {
  std::optional<MonoTime> deadline;
  std::string correlation;
  RunRequest asked = request("nightly", [&](RunContext& context) {
    deadline = context.deadline();
    correlation = context.correlation_id().str();
    return RunOutcome::succeeded();
  });
  asked.timeout = 4h;
  const MonoTime now = clock_.monotonic();
  wait(submit(std::move(asked)));
  EXPECT_EQ(deadline, now + 4h);
  EXPECT_EQ(correlation, "c1");
}

TEST_F(ExecutorTest, AnExceptionEndsItsRunAlone) {
  const RunId id = submit(request(
      "nightly", [](RunContext&) -> RunOutcome { throw std::runtime_error("password=hunter2"); }));
  EXPECT_EQ(wait(id).error_code, "internal_error");
  EXPECT_EQ(find(id).error()->detail(Audience::operators).find("hunter2"), std::string::npos);
  EXPECT_EQ(wait(submit(request("nightly", done))).state, RunState::succeeded);
}

TEST_F(ExecutorTest, TheViewTellsWhenTheStateLastTookAWrite) {
  const SystemTime opened = clock_.now();
  EXPECT_EQ(executor_->view()->state_proven_at, opened);
  clock_.advance(59s);
  EXPECT_TRUE(executor_->prove_state());
  EXPECT_EQ(executor_->view()->state_proven_at, opened) << "nothing was tried";
  clock_.advance(1s);
  EXPECT_TRUE(executor_->prove_state());
  EXPECT_EQ(executor_->view()->state_proven_at, clock_.now());
}

TEST_F(ExecutorTest, AWriteOfARunIsProofEnough) {
  clock_.advance(10min);
  wait(submit(request("a", done)));
  EXPECT_EQ(executor_->view()->state_proven_at, clock_.now());
}

TEST_F(ExecutorTest, TheViewTellsWhetherAKindIsAtWork) {
  EXPECT_FALSE(executor_->view()->at_work("backup"));
  const RunId runs = submit(request("a", until_let_go()));
  EXPECT_TRUE(executor_->view()->at_work("backup"));
  EXPECT_FALSE(executor_->view()->at_work("scrub"));
  let_go_.put(true);
  wait(runs);
  EXPECT_FALSE(executor_->view()->at_work("backup"));
}

TEST_F(ExecutorTest, CancellingStopsARunAndSaysWhy) {
  const RunId id = submit(request("nightly", until_stopped()));
  started_.take();
  ASSERT_TRUE(executor_->cancel(id, "asked by token:7"));
  const RunRow row = wait(id);
  EXPECT_EQ(row.state, RunState::cancelled);
  EXPECT_EQ(row.error()->parameter("reason"), "asked by token:7");
}

TEST_F(ExecutorTest, CancellingARunThatWaitsEndsItAtOnce) {
  submit(request("a", until_let_go(), {"x"}));
  const RunId waits = submit(request("b", done, {"x"}));
  ASSERT_TRUE(executor_->cancel(waits, "no more"));
  EXPECT_EQ(find(waits).state, RunState::cancelled);
  EXPECT_FALSE(find(waits).started_at);
  let_go_.put(true);
}

TEST_F(ExecutorTest, CancellingWhatHasEndedChangesNothing) {
  const RunId id = submit(request("nightly", done));
  wait(id);
  EXPECT_EQ(executor_->cancel(id, "late").value(), false);
  EXPECT_EQ(find(id).state, RunState::succeeded);
}

TEST_F(ExecutorTest, CancellingAnUnknownRunIsRefused) {
  EXPECT_EQ(executor_->cancel(new_run_id(), "").error().code(), ErrorCode::run_not_found);
}

TEST_F(ExecutorTest, WorkThatIsDoneThoughCancelledHasSucceeded) {
  const RunId id = submit(request("nightly", until_let_go()));
  started_.take();
  ASSERT_TRUE(executor_->cancel(id, "too late"));
  let_go_.put(true);
  EXPECT_EQ(wait(id).state, RunState::succeeded);
}

TEST_F(ExecutorTest, DamageThatWasFoundStaysFoundThoughCancelled) {
  const RunId id = submit(request("scrub", [this](RunContext& context) {
    started_.put(context.id());
    let_go_.take();
    return RunOutcome::of(Error(ErrorCode::artefact_hash, {{"backup", "b"}, {"file", "f"}}));
  }));
  started_.take();
  ASSERT_TRUE(executor_->cancel(id, "stop"));
  let_go_.put(true);
  EXPECT_EQ(wait(id).error_code, "artefact_hash");
}

TEST_F(ExecutorTest, WhatACancelledRunCouldNotRemoveIsItsError) {
  const RunId id = submit(request("restore", [this](RunContext& context) {
    started_.put(context.id());
    let_go_.take();
    return RunOutcome::of(
        Error(ErrorCode::restore_left_behind, {{"name", "vigie_restore_1"}, {"reason", "gone"}}));
  }));
  started_.take();
  ASSERT_TRUE(executor_->cancel(id, "stop"));
  let_go_.put(true);
  const RunRow row = wait(id);
  EXPECT_EQ(row.state, RunState::cancelled);
  EXPECT_EQ(row.error_code, "restore_left_behind");
}

TEST_F(ExecutorTest, ARunThatPassesItsDeadlineIsStoppedAndHasFailed) {
  RunRequest asked = request("nightly", until_stopped());
  asked.timeout = 1h;
  const RunId id = submit(std::move(asked));
  started_.take();
  clock_.advance(1h);
  const RunRow row = wait(id);
  EXPECT_EQ(row.state, RunState::failed);
  EXPECT_EQ(row.error_code, "deadline_exceeded");
}

// What it would have proved is not known; why it ended is.
TEST_F(ExecutorTest, ARunThatProvesSomethingHasNoVerdictAtItsDeadline) {
  RunRequest asked = request("weekly", until_stopped());
  asked.timeout = 1h;
  asked.at_deadline = Verdict::could_not_verify;
  const RunId id = submit(std::move(asked));
  started_.take();
  clock_.advance(1h);
  const RunRow row = wait(id);
  EXPECT_EQ(row.state, RunState::could_not_verify);
  EXPECT_EQ(row.error_code, "deadline_exceeded");
}

TEST_F(ExecutorTest, ARunThatWaitsBeyondItsWindowIsMissed) {
  submit(request("a", until_let_go(), {"x"}));
  RunRequest asked = request("nightly", done, {"x"});
  asked.start_before = clock_.now() + 4h;
  const RunId late = submit(std::move(asked));
  clock_.advance(4h + 1s);
  const RunRow row = wait(late);
  EXPECT_EQ(row.error_code, "missed_run");
  EXPECT_EQ(row.state, RunState::failed);
  let_go_.put(true);
}

TEST_F(ExecutorTest, AWindowCountsOnlyUntilTheStart) {
  RunRequest asked = request("nightly", until_let_go());
  asked.start_before = clock_.now() + 1h;
  const RunId id = submit(std::move(asked));
  started_.take();
  clock_.advance(2h);
  let_go_.put(true);
  EXPECT_EQ(wait(id).state, RunState::succeeded);
}

TEST_F(ExecutorTest, WaitingCanBeGivenUpWhileTheRunGoesOn) {
  const RunId id = submit(request("nightly", until_let_go()));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(executor_->wait(id, stop.get_token()).error().code(), ErrorCode::cancelled);
  let_go_.put(true);
  EXPECT_EQ(wait(id).state, RunState::succeeded);
}

TEST_F(ExecutorTest, ProgressIsSeenWhileItRuns) {
  const RunId id = submit(request("nightly", [this](RunContext& context) {
    context.progress({.phase = "dump", .subject = "app", .done = 5, .total = 10});
    started_.put(context.id());
    let_go_.take();
    return RunOutcome::succeeded();
  }));
  started_.take();
  EXPECT_EQ(find(id).progress->done, 5U);
  const auto view = executor_->view();
  const JobView* job = view->find("nightly", "backup");
  ASSERT_TRUE(job != nullptr && job->running && job->running->progress);
  EXPECT_EQ(job->running->progress->phase, "dump");
  let_go_.put(true);
}

TEST_F(ExecutorTest, ANewPhaseIsDurable) {
  submit(request("nightly", [this](RunContext& context) {
    context.progress({.phase = "dump"});
    context.progress({.phase = "publish", .subject = "app"});
    started_.put(context.id());
    let_go_.take();
    return RunOutcome::succeeded();
  }));
  const auto id = started_.take();
  const auto store = *RunStore::open(folder_ / "state.db");
  EXPECT_EQ((*store->find(*id))->progress->phase, "publish");
  EXPECT_EQ((*store->find(*id))->state, RunState::running);
  let_go_.put(true);
}

TEST_F(ExecutorTest, TheViewKeepsTheLastSuccessBehindALaterFailure) {
  const RunId good = submit(request("nightly", done));
  wait(good);
  const RunId bad = submit(request("nightly", disk_full));
  wait(bad);
  reopen();
  const auto view = executor_->view();
  const JobView* job = view->find("nightly", "backup");
  ASSERT_NE(job, nullptr);
  EXPECT_EQ(job->last_success->id, good);
  EXPECT_EQ(job->last_attempt->id, bad);
}

TEST_F(ExecutorTest, WhatNeverSucceededSaysSo) {
  wait(submit(request("nightly", disk_full)));
  EXPECT_FALSE(executor_->view()->find("nightly", "backup")->last_success);
}

TEST_F(ExecutorTest, ShutdownInterruptsWhatRunsAndWhatWaits) {
  const RunId runs = submit(request("a", until_stopped(), {"x"}));
  const RunId waits = submit(request("b", done, {"x"}));
  started_.take();
  EXPECT_TRUE(executor_->shutdown().empty());
  EXPECT_EQ(find(runs).state, RunState::interrupted);
  EXPECT_EQ(find(waits).state, RunState::interrupted);
  EXPECT_EQ(find(waits).error_code, "run_interrupted");
}

TEST_F(ExecutorTest, NothingIsAcceptedAfterShutdown) {
  executor_->shutdown();
  EXPECT_EQ(executor_->submit(request("a", done)).error().code(), ErrorCode::cancelled);
}

TEST_F(ExecutorTest, WhatADeadProcessLeftIsInterruptedAfterItsLeftoversWereCleaned) {
  close();
  const RunId id = new_run_id();
  ASSERT_TRUE(leave_a_running_row(folder_ / "state.db", id, clock_.now()));
  open();
  ASSERT_EQ(recovered_.size(), 1U);
  EXPECT_TRUE(recovered_[0].started_at);
  EXPECT_EQ(find(id).state, RunState::interrupted);
  EXPECT_EQ(executor_->view()->find("nightly", "backup")->last_attempt->id, id);
  recovered_.clear();
  reopen();
  EXPECT_TRUE(recovered_.empty());
}

// What state.db cannot take: a trigger of the test's own refuses it.
class RefusedStateTest : public ExecutorTest {
 protected:
  void refuse(std::string_view operation, std::string_view table = "run") {
    auto db = *platform::Sqlite::open(folder_ / "state.db");
    ASSERT_TRUE(db.execute("create trigger refuse before " + std::string(operation) + " on " +
                           std::string(table) + " begin select raise(abort, 'no'); end"));
  }
  void allow() {
    auto db = *platform::Sqlite::open(folder_ / "state.db");
    ASSERT_TRUE(db.execute("drop trigger refuse"));
  }
};

TEST_F(RefusedStateTest, WithoutADurableRowNothingRuns) {
  refuse("insert");
  EXPECT_EQ(executor_->submit(request("a", until_let_go())).error().code(),
            ErrorCode::state_conflict);
  allow();
  EXPECT_EQ(wait(submit(request("b", done))).state, RunState::succeeded);
  EXPECT_TRUE(started_.empty());
}

TEST_F(RefusedStateTest, ARunWhoseStartCannotBeWrittenDoesNotStart) {
  refuse("update");
  const RunId id = submit(request("a", until_let_go()));
  EXPECT_EQ(wait(id).error_code, "state_conflict");
  EXPECT_TRUE(started_.empty());
}

TEST_F(RefusedStateTest, AnEndThatCannotBeWrittenIsKeptShownAndWrittenLater) {
  const RunId id = submit(request("a", until_let_go()));
  started_.take();
  refuse("update");
  let_go_.put(true);
  EXPECT_EQ(wait(id).state, RunState::succeeded);
  EXPECT_EQ(executor_->view()->state_error_code, "state_conflict");
  const auto store = *RunStore::open(folder_ / "state.db");
  EXPECT_EQ((*store->find(id))->state, RunState::running);
  allow();
  EXPECT_EQ(wait(submit(request("b", done))).state, RunState::succeeded);
  EXPECT_EQ((*store->find(id))->state, RunState::succeeded);
  EXPECT_EQ(executor_->view()->state_error_code, "");
}

TEST_F(RefusedStateTest, AProofThatIsRefusedShowsAndOneThatIsTakenEndsIt) {
  refuse("insert", "proof");
  clock_.advance(1min);
  EXPECT_FALSE(executor_->prove_state());
  EXPECT_EQ(executor_->view()->state_error_code, "state_conflict");
  EXPECT_EQ(executor_->view()->state_failed_at, clock_.now());
  allow();
  clock_.advance(1min);
  EXPECT_TRUE(executor_->prove_state());
  EXPECT_EQ(executor_->view()->state_error_code, "");
}

TEST_F(RefusedStateTest, WhatWaitsStartsOnceTheEndIsWritten) {
  submit(request("a", until_let_go(), {"x"}));
  const RunId waits = submit(request("b", done, {"x"}));
  started_.take();
  refuse("update");
  let_go_.put(true);
  ended_.take();
  allow();
  clock_.advance(options_.save_retry);
  EXPECT_EQ(wait(waits).state, RunState::succeeded);
}

class IdempotencyTest : public ExecutorTest {
 protected:
  Result<Submitted> ask(std::string job, std::string key, std::string hash = "h1",
                        std::string actor = "token:1") {
    RunRequest asked = request(std::move(job), done);
    asked.idempotency = IdempotencyKey{std::move(actor), std::move(key), std::move(hash)};
    return executor_->submit(std::move(asked));
  }
};

TEST_F(IdempotencyTest, TheSameKeyDoesNotRunTwice) {
  const auto first = ask("a", "k");
  const auto again = ask("a", "k");
  EXPECT_EQ(again->id, first->id);
  EXPECT_FALSE(first->repeated);
  EXPECT_TRUE(again->repeated);
}

TEST_F(IdempotencyTest, AKeySurvivesARestart) {
  const auto first = ask("a", "k");
  reopen();
  EXPECT_EQ(ask("a", "k")->id, first->id);
}

TEST_F(IdempotencyTest, AnotherRequestWithTheKeyIsRefused) {
  ASSERT_TRUE(ask("a", "k"));
  EXPECT_EQ(ask("b", "k", "h2").error().code(), ErrorCode::idempotency_mismatch);
}

TEST_F(IdempotencyTest, ARepeatIsAnsweredWhileTheJobIsBusy) {
  submit(request("a", until_let_go()));
  const auto first = ask("a", "k");
  EXPECT_EQ(ask("a", "k")->id, first->id);
  EXPECT_EQ(ask("a", "k2").error().code(), ErrorCode::run_conflict);
  let_go_.put(true);
}

TEST_F(IdempotencyTest, EachActorHasItsOwnKeys) {
  const auto first = ask("a", "k");
  const auto other = ask("b", "k", "h2", "token:2");
  ASSERT_TRUE(other);
  EXPECT_NE(other->id, first->id);
}

TEST_F(IdempotencyTest, AKeyIsForgottenAfterItsLifetime) {
  const auto first = ask("a", "k");
  wait(first->id);
  clock_.advance(kIdempotencyLifetime);
  EXPECT_NE(ask("a", "k", "h2")->id, first->id);
}

}  // namespace
}  // namespace vigie::jobs
