// A database that grows on a real server, and a watch that must never be in the way.
#include "proof/fill_watch.h"

#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/hanging_server.h"
#include "tests/support/instant_clock.h"
#include "tests/support/mailbox.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kPromptly = 8s;  // a look has ten
constexpr char kLook[] = "pg_database_size";

struct Told {
  Bytes grown;
  std::optional<Bytes> of;
};

// What is to be over ten seconds from now is over in two. Nobody sleeps.
class ClockBehind final : public platform::Clock {
 public:
  SystemTime now() const override { return real_.now(); }
  MonoTime monotonic() const override { return real_.monotonic() - 8s; }
  bool sleep_until(MonoTime, std::stop_token stop) const override { return !stop.stop_requested(); }

 private:
  platform::RealClock real_;
};

class FillWatchTest : public ::testing::Test {
 protected:
  FillWatchTest() {
    server_.create_database("made");
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + std::chrono::minutes(1);
    work_.stop = stop_.get_token();
    reach_by(*postgres_);
  }
  void reach_by(platform::PgConnector& connector) {
    auto target = Target::open(connector, server_.named_dsn("app"), work_);
    target_ = std::make_unique<Target>(std::move(*target));
  }
  std::unique_ptr<FillWatch> watch(Bytes guess) { return watch(guess, clock_); }
  std::unique_ptr<FillWatch> watch(Bytes guess, const platform::Clock& clock) {
    return std::make_unique<FillWatch>(
        *target_, "made", clock, [guess](Bytes) { return guess; },
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
  std::stop_source stop_;
  Work work_;
  std::unique_ptr<Target> target_;
  testing::InstantClock clock_;
  ClockBehind behind_;
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
  const auto began = MonoTime::clock::now();
  watching.reset();
  EXPECT_LT(MonoTime::clock::now() - began, kPromptly);
  server_.signal_backends("vigie restore", SIGCONT);
}

// The restore waits for it; whoever stops the restore does not.
TEST_F(FillWatchTest, AFirstLookThatHangsEndsWhenTheRestoreIsStopped) {
  testing::HangingServer hangs(*postgres_, kLook, [this] { stop_.request_stop(); });
  reach_by(hangs);
  const auto began = MonoTime::clock::now();
  watch(1_GiB).reset();
  EXPECT_LT(MonoTime::clock::now() - began, kPromptly);
  EXPECT_TRUE(hangs.hung());
}

TEST_F(FillWatchTest, AFirstLookThatHangsIsGivenUpAndAnotherSessionLooks) {
  testing::HangingServer hangs(*postgres_, kLook);
  reach_by(hangs);
  const auto began = MonoTime::clock::now();
  auto watching = watch(1_GiB, behind_);
  EXPECT_LT(MonoTime::clock::now() - began, kPromptly);
  EXPECT_TRUE(hangs.hung());
  EXPECT_TRUE(told_.take());
}

// It takes the connection, and says nothing on it: first to the caller, then to the thread.
TEST_F(FillWatchTest, AServerThatAcceptsAndNeverAnswersKeepsNobody) {
  server_.signal_postmaster(SIGSTOP);
  const auto began = MonoTime::clock::now();
  auto watching = watch(1_GiB, behind_);
  watching.reset();
  EXPECT_LT(MonoTime::clock::now() - began, kPromptly);
  EXPECT_TRUE(told_.empty());
  server_.signal_postmaster(SIGCONT);
}

}  // namespace
}  // namespace vigie::proof
