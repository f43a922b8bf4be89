// How a run's row ends: what its work returned against what stopped it.
#include "jobs/active_run.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

class EndedRowTest : public ::testing::Test {
 protected:
  EndedRowTest() { run_.deadline_at = clock_.monotonic() + 1h; }
  RunRow ended(ErrorCode code) {
    return ended_row(run_, {Verdict::could_not_verify, Error(code)}, clock_.now());
  }

  testing::FakeClock clock_;
  RunRequest request_;
  ActiveRun run_{RunRow(), request_, clock_, {}};
};

// Else it would be chance whether such a run failed: the executor looks at the same deadline.
TEST_F(EndedRowTest, WorkThatIsTheFirstToSeeItsDeadlineHasFailedAsOneThatWasStopped) {
  clock_.advance(1h);
  const RunRow row = ended(ErrorCode::deadline_exceeded);
  EXPECT_EQ(row.state, RunState::failed);
  EXPECT_EQ(row.error_code, "deadline_exceeded");
}

TEST_F(EndedRowTest, AShorterDeadlineWithinItsWorkIsItsOwnAffair) {
  clock_.advance(1h - 1s);
  EXPECT_EQ(ended(ErrorCode::deadline_exceeded).state, RunState::could_not_verify);
}

TEST_F(EndedRowTest, WhatElseItMetAtItsDeadlineStays) {
  clock_.advance(2h);
  const RunRow row = ended(ErrorCode::amcheck_unavailable);
  EXPECT_EQ(row.state, RunState::could_not_verify);
  EXPECT_EQ(row.error_code, "amcheck_unavailable");
}

}  // namespace
}  // namespace vigie::jobs
