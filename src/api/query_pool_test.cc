#include "api/query_pool.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/mailbox.h"

namespace vigie::api {
namespace {

using namespace std::chrono_literals;
using Answer = QueryPool::Answer;

const PoolTask kNothing{"nothing", [](MonoTime, const std::stop_token&) {}, [] {}};
const PoolOptions kOneThread{.threads = 1, .queue = 4};

TEST(QueryPool, AsksWhatIsAtWorkToStopAndWaitsForIt) {
  const testing::FakeClock clock;
  std::promise<void> began;
  bool ended = false;
  QueryPool pool(clock, kOneThread);
  ASSERT_EQ(pool.submit({"sleep",
                         [&](MonoTime, const std::stop_token& stop) {
                           began.set_value();
                           (void)clock.sleep_until(MonoTime::max(), stop);
                           ended = true;
                         },
                         [] {}}),
            Answer::taken);
  began.get_future().wait();
  EXPECT_TRUE(pool.stop());
  EXPECT_TRUE(ended);
  EXPECT_EQ(pool.submit(kNothing), Answer::full);
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
    QueryPool pool(clock, kOneThread);
    ASSERT_EQ(pool.submit({"hang",
                           [&, returned](MonoTime, const std::stop_token&) {
                             began.set_value();
                             thaws.get_future().wait();
                             returned->set_value();
                           },
                           [&] { answered.set_value(); }}),
              Answer::taken);
    began.get_future().wait();
    ASSERT_EQ(pool.submit({"nothing", kNothing.run, [&] { waiting_answered.set_value(); }}),
              Answer::taken);
    EXPECT_FALSE(pool.stop(10ms));
    EXPECT_FALSE(pool.stop()) << "it is not waited for twice";
    EXPECT_EQ(answered.get_future().wait_for(0s), std::future_status::ready);
    EXPECT_EQ(waiting_answered.get_future().wait_for(0s), std::future_status::ready);
  }
  thaws.set_value();
  has_returned.wait();
}

// Tasks that hang until the test lets them go, on a pool of two threads and three spares.
class HungQueries : public ::testing::Test {
 protected:
  ~HungQueries() override {
    thaws_.set_value();
    while (pool_.figures().hung > 0) std::this_thread::yield();
  }
  PoolTask hanging(std::string kind) {
    return {std::move(kind),
            [this](MonoTime, const std::stop_token&) {
              began_.put(0);
              thawed_.wait();
            },
            [this] { expired_.put(0); }};
  }
  void hang(const std::string& kind) {
    ASSERT_EQ(pool_.submit(hanging(kind)), Answer::taken);
    ASSERT_TRUE(began_.take());
    clock_.advance(30s);
    ASSERT_TRUE(expired_.take()) << "its client is answered";
  }
  bool works(const std::string& kind) {
    testing::Mailbox<int> done;
    const auto answer =
        pool_.submit({kind, [&](MonoTime, const std::stop_token&) { done.put(0); }, [] {}});
    return answer == Answer::taken && done.take().has_value();
  }

  testing::FakeClock clock_;
  testing::Mailbox<int> began_;
  testing::Mailbox<int> expired_;
  std::promise<void> thaws_;
  std::shared_future<void> thawed_{thaws_.get_future()};
  QueryPool pool_{clock_, {.threads = 2, .queue = 4, .spares = 3, .most_hung_alike = 3}};
};

TEST_F(HungQueries, AThreadThatDoesNotComeBackIsReplaced) {
  for (const char* kind : {"a", "b", "c"}) hang(kind);
  EXPECT_EQ(pool_.figures().hung, 3U);
  EXPECT_TRUE(pool_.figures().usable);
  EXPECT_TRUE(works("a"));
}

TEST_F(HungQueries, TooManyOfOneKindAreRefusedAndOthersGoOn) {
  for (int i = 0; i < 3; ++i) hang("manifest");
  EXPECT_EQ(pool_.submit(hanging("manifest")), Answer::hung);
  EXPECT_TRUE(works("evidence"));
}

TEST_F(HungQueries, WhenAllHangTheNextIsRefusedAtOnce) {
  for (const char* kind : {"a", "b", "c", "d", "e"}) hang(kind);
  EXPECT_EQ(pool_.submit(kNothing), Answer::hung);
  EXPECT_EQ(pool_.figures().hung, 5U);
  EXPECT_FALSE(pool_.figures().usable);
}

TEST_F(HungQueries, OneThatComesBackWorksAgain) {
  for (const char* kind : {"a", "b", "c", "d", "e"}) hang(kind);
  thaws_.set_value();
  while (pool_.figures().hung > 0) std::this_thread::yield();
  EXPECT_TRUE(works("a"));
  EXPECT_TRUE(pool_.figures().usable);
  thaws_ = {};
}

TEST_F(HungQueries, AStopDoesNotWaitForWhatIsKnownToHang) {
  for (const char* kind : {"a", "b"}) hang(kind);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_FALSE(pool_.stop(1h));
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1min);
}

}  // namespace
}  // namespace vigie::api
