// What may run together, and who waits for whom.
#include <latch>
#include <thread>

#include "tests/support/executor_for_test.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

TEST_F(ExecutorTest, RunsWithoutACommonClaimRunTogether) {
  std::latch both(2);
  const Work meet = [&](RunContext&) {
    both.arrive_and_wait();
    return RunOutcome::succeeded();
  };
  const RunId a = submit(request("a", meet, {"db:a"}));
  const RunId b = submit(request("b", meet, {"db:b"}));
  EXPECT_EQ(wait(a).state, RunState::succeeded);
  EXPECT_EQ(wait(b).state, RunState::succeeded);
}

TEST_F(ExecutorTest, RunsWithACommonClaimRunOneAfterTheOther) {
  const RunId a = submit(request("a", until_let_go(), {"db:a", "store:local"}));
  const RunId b = submit(request("b", done, {"db:b", "store:local"}));
  started_.take();
  EXPECT_EQ(find(b).state, RunState::queued);
  let_go_.put(true);
  EXPECT_EQ(wait(b).state, RunState::succeeded);
  EXPECT_EQ(ended_.take()->id, a);
}

TEST_F(ExecutorTest, ARunThatWaitsIsNotOvertakenOnItsClaims) {
  submit(request("a", until_let_go(), {"x"}));
  const RunId waits = submit(request("b", done, {"x", "y"}));
  const RunId behind = submit(request("c", done, {"y"}));
  started_.take();
  EXPECT_EQ(find(behind).state, RunState::queued);
  let_go_.put(true);
  wait(behind);
  ended_.take();
  EXPECT_EQ(ended_.take()->id, waits);
}

TEST_F(ExecutorTest, ARunThatLetsOthersByKeepsNobodyWaitingAndStartsAtLast) {
  submit(request("a", until_let_go(), {"x"}));
  RunRequest patient = request("all", done, {"x", "y"});
  patient.lets_others_by = true;
  const RunId waits = submit(std::move(patient));
  EXPECT_EQ(wait(submit(request("b", done, {"y"}))).state, RunState::succeeded);
  EXPECT_EQ(find(waits).state, RunState::queued);
  let_go_.put(true);
  EXPECT_EQ(wait(waits).state, RunState::succeeded);
}

TEST_F(ExecutorTest, ARunThatLetsOthersByKeepsItsClaimsOnceItRuns) {
  RunRequest patient = request("all", until_let_go(), {"x"});
  patient.lets_others_by = true;
  submit(std::move(patient));
  const RunId behind = submit(request("a", done, {"x"}));
  started_.take();
  EXPECT_EQ(find(behind).state, RunState::queued);
  let_go_.put(true);
  EXPECT_EQ(wait(behind).state, RunState::succeeded);
}

TEST_F(ExecutorTest, ARunOvertakesOnOtherClaims) {
  submit(request("a", until_let_go(), {"x"}));
  const RunId waits = submit(request("b", done, {"x"}));
  EXPECT_EQ(wait(submit(request("c", done, {"z"}))).state, RunState::succeeded);
  EXPECT_EQ(find(waits).state, RunState::queued);
  let_go_.put(true);
}

TEST_F(ExecutorTest, OneRunOfAJobWaitsBehindItselfAndAThirdIsRefused) {
  submit(request("nightly", until_let_go()));
  const RunId second = submit(request("nightly", done));
  const auto third = executor_->submit(request("nightly", done));
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code(), ErrorCode::run_conflict);
  EXPECT_EQ(third.error().parameter("run"), second.str());
  let_go_.put(true);
  EXPECT_EQ(wait(second).state, RunState::succeeded);
}

TEST_F(ExecutorTest, TheQueueHasABound) {
  close();
  options_.queue_limit = 1;
  open();
  submit(request("a", until_let_go(), {"x"}));
  submit(request("b", done, {"x"}));
  EXPECT_EQ(executor_->submit(request("c", done, {"x"})).error().code(), ErrorCode::queue_full);
  let_go_.put(true);
}

TEST_F(ExecutorTest, NoMoreRunsThanWorkers) {
  close();
  options_.workers = 1;
  open();
  submit(request("a", until_let_go()));
  const RunId b = submit(request("b", done));
  started_.take();
  EXPECT_EQ(find(b).state, RunState::queued);
  let_go_.put(true);
  EXPECT_EQ(wait(b).state, RunState::succeeded);
}

// As one does that waits for a store whose file system hangs.
TEST_F(ExecutorTest, ARunThatDoesNotStopKeepsItsClaimsAndNotItsWorker) {
  close();
  options_.workers = 1;
  options_.spare_workers = 1;
  open();
  const RunId hangs = submit(request("a", until_let_go(), {"store:nfs"}));
  started_.take();
  ASSERT_TRUE(executor_->cancel(hangs, "no more"));
  const RunId same = submit(request("b", done, {"store:nfs"}));
  const RunId other = submit(request("c", until_let_go(), {"store:local"}));
  const RunId third = submit(request("d", done, {"store:third"}));
  EXPECT_EQ(find(other).state, RunState::queued);

  clock_.advance(kHungAfter);
  EXPECT_EQ(started_.take(), other);
  EXPECT_EQ(executor_->view()->hung, 1U);
  EXPECT_EQ(find(same).state, RunState::queued) << "nobody else works on what it may still change";
  EXPECT_EQ(find(third).state, RunState::queued) << "one took its place, and no more";
  let_go_.put(true);
  let_go_.put(true);
  for (const RunId& id : {hangs, same, other, third}) EXPECT_TRUE(has_ended(wait(id).state));
  clock_.advance(30s);
  while (executor_->view()->hung > 0) std::this_thread::yield();
}

TEST_F(ExecutorTest, ARunThatHangsBeyondItsDeadlineIsReplacedToo) {
  close();
  options_.workers = 1;
  open();
  RunRequest request_a = request("a", until_let_go());
  request_a.timeout = 1h;
  submit(std::move(request_a));
  started_.take();
  const RunId other = submit(request("b", done));
  clock_.advance(1h);
  while (find(other).state == RunState::queued && !executor_->view()->hung) {
    clock_.advance(30s);
    std::this_thread::yield();
  }
  EXPECT_EQ(wait(other).state, RunState::succeeded);
  let_go_.put(true);
}

}  // namespace
}  // namespace vigie::jobs
