// state.db on a disk that is full or fails, at every call of SQLite that changes a file: what was
// accepted is never lost, what was not run is never said to have succeeded, and the next process
// works.
#include <gtest/gtest.h>

#include "jobs/executor.h"
#include "jobs/run_store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_sqlite.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using testing::Fault;
using testing::FaultySqlite;

struct Lived {
  std::optional<RunId> accepted;
  bool worked = false;
  bool told_succeeded = false;
};

class StateFaultTest : public ::testing::TestWithParam<Fault> {
 protected:
  struct Machine {
    testing::TempFolder folder;
    platform::Path state = folder / "state.db";
  };

  // One process: it starts, takes one run to its end, and ends.
  Lived live(const Machine& machine) {
    Lived lived;
    ExecutorOptions options;
    options.shutdown_limit = std::chrono::milliseconds(100);
    auto executor = Executor::open(machine.state, clock_, options);
    if (!executor) return lived;
    const auto submitted = (*executor)->submit(request(lived));
    if (!submitted) return lived;
    lived.accepted = submitted->id;
    const auto row = (*executor)->wait(submitted->id, {});
    lived.told_succeeded = row && row->state == RunState::succeeded;
    return lived;
  }

  static RunRequest request(Lived& lived) {
    RunRequest request;
    request.job = "nightly";
    request.kind = "backup";
    request.idempotency = IdempotencyKey{"token:1", "once", "h"};
    request.work = [&](RunContext&) {
      lived.worked = true;
      return RunOutcome::succeeded();
    };
    return request;
  }

  size_t calls_of_sound_work() {
    const Machine machine;
    const FaultySqlite sqlite(machine.folder.path());
    EXPECT_TRUE(live(machine).told_succeeded);
    return sqlite.calls();
  }

  void check(const Machine& machine, const Lived& lived) {
    EXPECT_TRUE(lived.worked || !lived.told_succeeded);
    auto executor = Executor::open(machine.state, clock_);
    ASSERT_TRUE(executor) << executor.error().detail(Audience::operators);
    Lived again;
    const auto repeated = (*executor)->submit(request(again));
    ASSERT_TRUE(repeated);
    const auto row = (*executor)->wait(repeated->id, {});
    ASSERT_TRUE(row);
    EXPECT_TRUE(has_ended(row->state));
    if (!lived.accepted) return;
    EXPECT_EQ(repeated->id, *lived.accepted);
    EXPECT_FALSE(again.worked) << "it ran twice";
    EXPECT_TRUE(lived.worked || row->state != RunState::succeeded);
  }

  void fail_each(bool stays) {
    const size_t calls = calls_of_sound_work();
    ASSERT_GT(calls, 20U);
    for (size_t n = 0; n < calls; ++n) {
      SCOPED_TRACE("call " + std::to_string(n) + " of " + std::to_string(calls));
      const Machine machine;
      Lived lived;
      {
        FaultySqlite sqlite(machine.folder.path());
        stays ? sqlite.fail_from(n, GetParam()) : sqlite.fail_once(n, GetParam());
        lived = live(machine);
      }
      check(machine, lived);
    }
  }

  testing::FakeClock clock_;
};

TEST_P(StateFaultTest, OneFaultAtEveryCallLosesNothing) {
  fail_each(false);
}

TEST_P(StateFaultTest, ADiskThatStaysSoLosesNothing) {
  fail_each(true);
}

INSTANTIATE_TEST_SUITE_P(Faults, StateFaultTest, ::testing::Values(Fault::disk_full, Fault::io),
                         [](const auto& tested) {
                           return tested.param == Fault::io ? "Io" : "DiskFull";
                         });

}  // namespace
}  // namespace vigie::jobs
