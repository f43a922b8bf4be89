// The wall clock jumps a day ahead, or a day back, while a run is at work and others are due.
#include <gtest/gtest.h>

#include "jobs/schedule.h"
#include "jobs/scheduler.h"
#include "tests/support/fake_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;
using testing::Mailbox;

// Its clock stands at 2026-11-20T00:00:00Z; a run of 02:00 is at work.
class ClockJump : public ::testing::TestWithParam<Duration> {
 protected:
  ClockJump() {
    ExecutorHooks hooks;
    hooks.ended = [this](const RunRow& row) { ended_.put(row); };
    executor_ = *Executor::open(folder_ / "state.db", clock_, {}, std::move(hooks));
    SchedulerHooks told;
    told.clock_went_back = [this](SystemTime, SystemTime now) { back_.put(now); };
    scheduler_ = std::make_unique<Scheduler>(*executor_, clock_, std::move(told));
    EXPECT_TRUE(scheduler_->set_jobs({nightly()}));
    clock_.advance(2h);
    started_.take();
  }
  ~ClockJump() override { scheduler_->stop(); }

  ScheduledJob nightly() {
    ScheduledJob job;
    job.job = "nightly";
    job.kind = "backup";
    job.schedule = "0 2 * * *";
    job.next = [parsed = *Schedule::parse("0 2 * * *")](SystemTime after) {
      return parsed.next_after({}, after);
    };
    job.request = [this](SystemTime) {
      RunRequest request;
      request.timeout = 4h;
      request.work = [this](RunContext& context) {
        started_.put(context.id());
        context.clock().sleep_until(MonoTime::max(), context.stop_token());
        return RunOutcome::of(Error(ErrorCode::cancelled));
      };
      return request;
    };
    return job;
  }

  // The view follows the scheduler's thread: asked again and again for a minute.
  template <class Condition>
  static bool comes(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + 1min;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) return false;
      std::this_thread::yield();
    }
    return true;
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  Mailbox<RunRow> ended_;
  Mailbox<SystemTime> back_;
  Mailbox<RunId> started_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_P(ClockJump, MovesNoDeadlineOfWhatRuns) {
  clock_.jump_to(clock_.now() + GetParam());
  clock_.advance(4h - 1s);
  EXPECT_TRUE(ended_.empty());
  clock_.advance(1s);
  const auto row = ended_.take();
  EXPECT_EQ(row->error_code, "deadline_exceeded");
  EXPECT_GE(*row->ended_at, *row->started_at);
}

TEST_P(ClockJump, RunsEachDueTimeOfTheNewDayOnce) {
  clock_.jump_to(clock_.now() + GetParam() + 1h);
  if (GetParam() < 0s) {
    clock_.advance(30s);
    back_.take();
  } else {
    clock_.advance(4h);  // the due time that was jumped over waits behind the run, which ends now
    ended_.take();
    started_.take();
  }
  const SystemTime now = clock_.now();
  EXPECT_TRUE(comes([&] {
    const auto view = executor_->view();
    const auto next = view->find("nightly", "backup")->next_due_at;
    return next && *next > now && *next - now <= 24h;
  }));
  const auto view = executor_->view();
  const auto* const job = view->find("nightly", "backup");
  EXPECT_TRUE(job->running);
  EXPECT_FALSE(job->queued) << "nothing was started twice";
}

INSTANTIATE_TEST_SUITE_P(ADay, ClockJump, ::testing::Values(24h, -24h));

}  // namespace
}  // namespace vigie::jobs
