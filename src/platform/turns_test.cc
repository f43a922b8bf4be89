#include "platform/turns.h"

#include <gtest/gtest.h>

#include <thread>

namespace vigie::platform {
namespace {

using namespace std::chrono_literals;

TEST(Turns, OneAfterTheOther) {
  Turns turns;
  auto first = turns.take(no_limits(), "the work");
  ASSERT_TRUE(first);
  std::atomic<bool> over = false;
  std::jthread second([&] {
    const auto turn = turns.take(no_limits(), "the work");
    EXPECT_TRUE(turn);
    EXPECT_TRUE(over);
  });
  over = true;
  first->reset();
}

TEST(Turns, WhoWaitsHasADeadlineAndCanBeStopped) {
  Turns turns;
  const auto first = turns.take(no_limits(), "the work");
  const auto late = turns.take({MonoTime::clock::now() + 1ms, {}}, "the work");
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_EQ(late.error().parameter("name"), "the work");
  std::stop_source stop;
  std::jthread other([&] { stop.request_stop(); });
  const auto stopped = turns.take({MonoTime::max(), stop.get_token()}, "the work");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code(), ErrorCode::cancelled);
}

// A lost turn would keep everybody out for ever.
TEST(Turns, NobodyWhoFailedHoldsIt) {
  Turns turns;
  {
    const auto first = turns.take(no_limits(), "the work");
    EXPECT_FALSE(turns.take({MonoTime::clock::now(), {}}, "the work"));
  }
  EXPECT_TRUE(turns.take({MonoTime::clock::now() + 10s, {}}, "the work"));
}

}  // namespace
}  // namespace vigie::platform
