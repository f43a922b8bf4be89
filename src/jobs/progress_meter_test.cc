#include "jobs/progress_meter.h"

#include <gtest/gtest.h>

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;
using News = ProgressMeter::News;

class ProgressMeterTest : public ::testing::Test {
 protected:
  News tell(Duration at, std::string phase, uint64_t done) {
    RunProgress progress;
    progress.phase = std::move(phase);
    progress.done = done;
    return meter_.update(progress, MonoTime(1h) + at, SystemTime(at));
  }
  std::optional<double> rate() const { return meter_.latest()->rate; }

  ProgressMeter meter_;
};

TEST_F(ProgressMeterTest, EachPhaseIsNewsAtOnce) {
  EXPECT_EQ(tell(0ms, "dump", 0), News::new_phase);
  EXPECT_EQ(tell(1ms, "publish", 0), News::new_phase);
}

TEST_F(ProgressMeterTest, WithinAPhaseThereIsNewsTwiceASecond) {
  tell(0ms, "dump", 0);
  EXPECT_EQ(tell(499ms, "dump", 1), News::none);
  EXPECT_EQ(tell(500ms, "dump", 2), News::publish);
  EXPECT_EQ(tell(501ms, "dump", 3), News::none);
}

TEST_F(ProgressMeterTest, WhatIsNoNewsIsKept) {
  tell(0ms, "dump", 0);
  tell(10ms, "dump", 7);
  EXPECT_EQ(meter_.latest()->done, 7U);
  EXPECT_EQ(meter_.latest()->at, SystemTime(10ms));
}

TEST_F(ProgressMeterTest, ASteadyRateIsShownAsItIs) {
  for (int second = 0; second <= 20; ++second) tell(1s * second, "dump", 100 * second);
  EXPECT_NEAR(*rate(), 100, 1e-6);
}

TEST_F(ProgressMeterTest, ARateIsNotKnownBeforeItIsMeasuredAndThenMayBeZero) {
  tell(0ms, "dump", 0);
  tell(10ms, "dump", 7);
  EXPECT_EQ(rate(), std::nullopt);
  tell(10s, "verify", 5);
  tell(11s, "verify", 5);
  EXPECT_EQ(rate(), 0);
}

TEST_F(ProgressMeterTest, ABurstMovesTheRateOnlyAPart) {
  for (int second = 0; second <= 10; ++second) tell(1s * second, "dump", 100 * second);
  tell(11s, "dump", 2000);
  EXPECT_GT(rate(), 100);
  EXPECT_LT(rate(), 500);
}

TEST_F(ProgressMeterTest, ANewPhaseForgetsTheRate) {
  tell(0s, "dump", 0);
  tell(1s, "dump", 1000);
  tell(2s, "verify", 5);
  EXPECT_EQ(rate(), std::nullopt);
}

TEST_F(ProgressMeterTest, CountingFromZeroAgainForgetsTheRate) {
  tell(0s, "dump", 0);
  tell(1s, "dump", 1000);
  tell(2s, "dump", 0);
  EXPECT_EQ(rate(), std::nullopt);
  tell(3s, "dump", 50);
  EXPECT_NEAR(*rate(), 50, 1e-6);
}

}  // namespace
}  // namespace vigie::jobs
