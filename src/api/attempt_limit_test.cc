#include "api/attempt_limit.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace vigie::api {
namespace {

constexpr AttemptOptions kOptions{.burst = 3, .per_second = 0.5, .addresses = 4};

TEST(AttemptLimit, AdmitsTheBurstThenSaysHowLongToWait) {
  testing::FakeClock clock;
  AttemptLimit limit(clock, kOptions);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(limit.admit("a"));
    limit.failed("a");
  }
  const auto refused = limit.admit("a");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().parameter("seconds"), "2");
  EXPECT_TRUE(limit.admit("b"));
}

TEST(AttemptLimit, GivesAttemptsBackWithTime) {
  testing::FakeClock clock;
  AttemptLimit limit(clock, kOptions);
  for (int i = 0; i < 3; ++i) limit.failed("a");
  clock.advance(std::chrono::seconds(2));
  EXPECT_TRUE(limit.admit("a"));
  limit.failed("a");
  EXPECT_FALSE(limit.admit("a"));
}

TEST(AttemptLimit, KeepsTheWorstWhenTheTableIsFull) {
  testing::FakeClock clock;
  AttemptLimit limit(clock, kOptions);
  for (int i = 0; i < 3; ++i) limit.failed("worst");
  for (int i = 0; i < 100; ++i) limit.failed("other" + std::to_string(i));
  EXPECT_EQ(limit.size(), 4u);
  EXPECT_FALSE(limit.admit("worst"));
}

TEST(AttemptLimit, CountsAnIpv6NetworkAsOneAddress) {
  EXPECT_EQ(attempt_key("2001:db8::1"), attempt_key("2001:db8::ffff"));
  EXPECT_NE(attempt_key("2001:db8::1"), attempt_key("2001:db8:0:1::1"));
  EXPECT_EQ(attempt_key("192.0.2.1"), "192.0.2.1");
}

}  // namespace
}  // namespace vigie::api
