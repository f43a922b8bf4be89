// The log of a run on its way to the kept ones, through every failure of the disk: it is never half
// there, and never gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "jobs/run_logs.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using ::testing::ElementsAre;
using testing::Fault;

// A run has logged, and an entry names its log.
struct Machine {
  Machine() {
    RunLogs logs(files, state / "runs", clock, scrubber);
    logs.write(run, platform::LogLevel::info, "step", "dump");
    named = logs.digest(run);
    before = files.calls();
  }
  Result<> put_away() { return RunLogs(files, state / "runs", clock, scrubber).retain(0); }
  LogStanding standing() {
    return *check_run_log(files, LogFolders::of(state), run, named->bytes, named->sha256);
  }
  std::vector<std::string> kept() {
    std::vector<std::string> names;
    const auto entries = files.list(LogFolders::of(state).kept);
    for (const platform::Entry& one : *entries) names.push_back(one.name);
    return names;
  }

  testing::TempFolder folder;
  platform::Path state = folder / "state";
  testing::FaultyFileSystem files{state};
  testing::FakeClock clock;
  platform::Scrubber scrubber;
  RunId run = new_run_id();
  std::optional<LogDigest> named;
  size_t before = 0;  // calls, until it is put away
};

size_t calls_to_put_away() {
  Machine machine;
  EXPECT_TRUE(machine.put_away());
  return machine.files.calls() - machine.before;
}

TEST(KeptLogsCrash, AMachineThatGoesDownAtAnyStepLosesNoLogAndTheNextStartLeavesNothingHalf) {
  const size_t calls = calls_to_put_away();
  ASSERT_GT(calls, 5U);
  for (size_t n = 0; n < calls; ++n) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      Machine machine;
      machine.files.fail_from(machine.before + n, Fault::power);
      (void)machine.put_away();
      machine.files.crash(seed);
      EXPECT_EQ(machine.standing(), LogStanding::same) << n << " " << seed;
      ASSERT_TRUE(machine.put_away()) << n << " " << seed;
      EXPECT_EQ(machine.standing(), LogStanding::same) << n << " " << seed;
      EXPECT_THAT(machine.kept(), ElementsAre(machine.run.str() + ".jsonl.zst")) << n;
      EXPECT_FALSE(machine.files.info(machine.state / "runs" / machine.run.str())) << n;
    }
  }
}

// Whoever finds it there removes the other one.
TEST(KeptLogsCrash, WhatASecondAttemptFindsIsDurableAsWell) {
  const size_t calls = calls_to_put_away();
  for (size_t n = 0; n < calls; ++n) {
    Machine machine;
    const auto keep = [&] {
      return KeptLogs(machine.files, LogFolders::of(machine.state).kept).keep(machine.run, "log\n");
    };
    machine.files.fail_once(machine.before + n, Fault::io);
    (void)keep();
    machine.files.no_faults();
    ASSERT_TRUE(keep()) << n;
    machine.files.crash();
    EXPECT_THAT(machine.kept(), ElementsAre(machine.run.str() + ".jsonl.zst")) << n;
  }
}

}  // namespace
}  // namespace vigie::jobs
