// An executor over a state.db in a folder, with a clock that the test moves.
#pragma once

#include <gtest/gtest.h>

#include "jobs/executor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {

class ExecutorTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  // Work that still waits must end before what it waits for does.
  void TearDown() override { close(); }

  void open() {
    ExecutorHooks hooks;
    hooks.recover = [this](const RunRow& row) { return recovered_.push_back(row), Result<>(); };
    hooks.ended = [this](const RunRow& row) { ended_.put(row); };
    auto opened = Executor::open(folder_ / "state.db", clock_, options_, std::move(hooks));
    ASSERT_TRUE(opened) << opened.error().detail(Audience::operators);
    executor_ = std::move(*opened);
  }
  void close() { executor_.reset(); }
  void reopen() {
    close();
    open();
  }

  static RunRequest request(std::string job, Work work, std::vector<std::string> claims = {}) {
    RunRequest request;
    request.job = std::move(job);
    request.kind = "backup";
    request.correlation_id = CorrelationId("c1");
    request.claims = std::move(claims);
    request.work = std::move(work);
    return request;
  }
  static RunOutcome done(RunContext& /*context*/) { return RunOutcome::succeeded(); }
  static RunOutcome disk_full(RunContext& /*context*/) {
    return RunOutcome::of(Error(ErrorCode::disk_full, {{"path", "/x"}}));
  }
  // These say that they run; then they run until they are stopped, or until the test lets them go.
  Work until_stopped() {
    return [this](RunContext& context) {
      started_.put(context.id());
      context.clock().sleep_until(MonoTime::max(), context.stop_token());
      return RunOutcome::of(Error(ErrorCode::cancelled));
    };
  }
  Work until_let_go() {
    return [this](RunContext& context) {
      started_.put(context.id());
      let_go_.take();
      return RunOutcome::succeeded();
    };
  }

  RunId submit(RunRequest request) {
    auto submitted = executor_->submit(std::move(request));
    EXPECT_TRUE(submitted) << submitted.error().detail(Audience::operators);
    return submitted ? submitted->id : RunId();
  }
  RunRow wait(const RunId& id) {
    auto row = executor_->wait(id, {});
    EXPECT_TRUE(row);
    return row ? *row : RunRow();
  }
  RunRow find(const RunId& id) { return *executor_->find(id); }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  ExecutorOptions options_;
  testing::Mailbox<RunId> started_;
  testing::Mailbox<bool> let_go_;
  testing::Mailbox<RunRow> ended_;
  std::vector<RunRow> recovered_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace vigie::jobs
