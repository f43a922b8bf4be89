// What may run together, and who waits for whom.
#include <latch>

#include "tests/support/executor_for_test.h"

namespace vigie::jobs {
namespace {

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

}  // namespace
}  // namespace vigie::jobs
