#include "api/query_pool.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/support/fake_clock.h"

namespace vigie::api {
namespace {

using namespace std::chrono_literals;

const PoolTask kNothing{[](MonoTime, const std::stop_token&) {}, [] {}};

TEST(QueryPool, AsksWhatIsAtWorkToStopAndWaitsForIt) {
  const testing::FakeClock clock;
  std::promise<void> began;
  bool ended = false;
  QueryPool pool(clock, 1, 4, 30s);
  ASSERT_TRUE(pool.submit({[&](MonoTime, const std::stop_token& stop) {
                             began.set_value();
                             (void)clock.sleep_until(MonoTime::max(), stop);
                             ended = true;
                           },
                           [] {}}));
  began.get_future().wait();
  EXPECT_TRUE(pool.stop());
  EXPECT_TRUE(ended);
  EXPECT_FALSE(pool.submit(kNothing));
}

// As a query does that waits for a file system that hangs.
TEST(QueryPool, LeavesBehindWhatDoesNotReturnAndAnswersItsClient) {
  const testing::FakeClock clock;
  std::promise<void> began;
  std::promise<void> thaws;
  auto returned = std::make_shared<std::promise<void>>();
  auto has_returned = returned->get_future();
  std::promise<void> answered;
  std::promise<void> waiting_answered;
  {
    QueryPool pool(clock, 1, 4, 30s);
    ASSERT_TRUE(pool.submit({[&, returned](MonoTime, const std::stop_token&) {
                               began.set_value();
                               thaws.get_future().wait();
                               returned->set_value();
                             },
                             [&] { answered.set_value(); }}));
    began.get_future().wait();
    ASSERT_TRUE(pool.submit({kNothing.run, [&] { waiting_answered.set_value(); }}));
    EXPECT_FALSE(pool.stop(10ms));
    EXPECT_FALSE(pool.stop()) << "it is not waited for twice";
    EXPECT_EQ(answered.get_future().wait_for(0s), std::future_status::ready);
    EXPECT_EQ(waiting_answered.get_future().wait_for(0s), std::future_status::ready);
  }
  thaws.set_value();
  has_returned.wait();
}

}  // namespace
}  // namespace vigie::api
