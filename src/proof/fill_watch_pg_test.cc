// A database that grows on a real server, and a watch that must never be in the way.
#include "proof/fill_watch.h"

#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/instant_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

struct Told {
  Bytes grown;
  std::optional<Bytes> of;
};

class FillWatchTest : public ::testing::Test {
 protected:
  FillWatchTest() {
    server_.create_database("made");
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + std::chrono::minutes(1);
    auto target = Target::open(*postgres_, server_.named_dsn("app"), work_);
    target_ = std::make_unique<Target>(std::move(*target));
  }
  std::unique_ptr<FillWatch> watch(Bytes guess) {
    return std::make_unique<FillWatch>(
        *target_, "made", clock_, [guess](Bytes) { return guess; },
        [this](Bytes grown, std::optional<Bytes> of) {
          told_.put({grown, of});
        },
        work_.stop);
  }
  // What a look says that began after this call did.
  Told told_from_now_on() {
    while (!told_.empty()) (void)told_.take();
    (void)told_.take();
    return told_.take().value_or(Told{});
  }
  void fill(int mebibytes) {
    server_.execute(
        "CREATE TABLE rows AS SELECT repeat('x', 1000) FROM generate_series(1, 1024 * " +
            std::to_string(mebibytes) + ")",
        "made");
  }

  testing::PgCluster server_;
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  Work work_;
  std::unique_ptr<Target> target_;
  testing::InstantClock clock_;
  testing::Mailbox<Told> told_;
};

TEST_F(FillWatchTest, TellsByHowMuchTheDatabaseHasGrown) {
  const auto watching = watch(1_GiB);
  const Told first = told_.take().value_or(Told{1_GiB, {}});
  EXPECT_EQ(first.grown, Bytes{}) << "what every database has from the first";
  EXPECT_EQ(first.of, 1_GiB);
  fill(4);
  const Told then = told_from_now_on();
  EXPECT_GE(then.grown, 4_MiB);
  EXPECT_LT(then.grown, 8_MiB);
  EXPECT_EQ(then.of, 1_GiB);
}

TEST_F(FillWatchTest, AGuessThatWasTooLowIsNotToldAnyMore) {
  const auto watching = watch(1_MiB);
  fill(4);
  const Told told = told_from_now_on();
  EXPECT_GE(told.grown, 4_MiB);
  EXPECT_FALSE(told.of);
}

TEST_F(FillWatchTest, WhatHasGrownDoesNotShrink) {
  const auto watching = watch(1_GiB);
  fill(4);
  EXPECT_GE(told_from_now_on().grown, 4_MiB);
  server_.execute("DROP TABLE rows; CHECKPOINT", "made");
  EXPECT_GE(told_from_now_on().grown, 4_MiB);
}

TEST_F(FillWatchTest, LooksAgainWhenItsSessionWasEnded) {
  const auto watching = watch(1_GiB);
  server_.stop();
  while (!told_.empty()) (void)told_.take();
  server_.start();
  EXPECT_TRUE(told_.take());
}

TEST_F(FillWatchTest, ALookThatHangsKeepsNobody) {
  auto watching = watch(1_GiB);
  (void)told_from_now_on();
  ASSERT_GT(server_.signal_backends("vigie restore", SIGSTOP), 0);
  const auto began = std::chrono::steady_clock::now();
  watching.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(8));
  server_.signal_backends("vigie restore", SIGCONT);
}

}  // namespace
}  // namespace vigie::proof
