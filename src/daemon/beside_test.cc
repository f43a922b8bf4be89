#include "daemon/beside.h"

#include <gtest/gtest.h>

#include <latch>

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;

TEST(Beside, EndsWhenItIsAskedTo) {
  Beside beside;
  beside.start([](std::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  beside.request_stop();
  EXPECT_TRUE(beside.ends_within(1min));
}

TEST(Beside, WhatHangsIsLeftBehind) {
  auto never = std::make_shared<std::latch>(1);
  {
    Beside beside;
    beside.start([never](const std::stop_token&) { never->wait(); });
    beside.request_stop();
    EXPECT_FALSE(beside.ends_within(10ms));
  }
  never->count_down();
}

TEST(Beside, WhatNeverStartedHasEnded) {
  Beside beside;
  EXPECT_TRUE(beside.ends_within(0ms));
}

}  // namespace
}  // namespace vigie::daemon
