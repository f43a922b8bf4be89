// Others that hang: the daemon whom a command wants to ask, and the file system of a store. Both
// end within their time, and say what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <future>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class HangTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PgCluster>(); }
  static void TearDownTestSuite() { server_.reset(); }

  HangTest() { host_.configure(server_->dsn(), {"schedule: \"@monthly\""}); }
  Ran back_up() { return host_.run({"backup", "run", "nightly", "-o", "json"}); }

  static std::unique_ptr<PgCluster> server_;
  HangingCalls calls_;
  VigieHost host_;
};

std::unique_ptr<PgCluster> HangTest::server_;

class HungDaemonTest : public HangTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(host_.serve()) << host_.log();
    ASSERT_EQ(back_up().status, 0);
    host_.signal(SIGSTOP);
    ASSERT_TRUE(reaches_state(host_.pid(), 'T'));
    began_ = std::chrono::steady_clock::now();
  }
  // Two seconds are given to the daemon; the rest is the command's own work, under
  // AddressSanitizer.
  void TearDown() override { EXPECT_LT(std::chrono::steady_clock::now() - began_, 40s); }

  // A reading verb tells what is written down, and from whom it has it.
  void expect_reading_goes_on(const Ran& ran) const {
    EXPECT_THAT(ran.err, HasSubstr("does not answer"));
    EXPECT_THAT(ran.err, HasSubstr(std::to_string(host_.pid())));
  }

  std::chrono::steady_clock::time_point began_;
};

TEST_F(HungDaemonTest, WhatWouldWriteIsRefusedAndSaysWhoHoldsTheState) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"backup", "run", "nightly"}, {"backup", "prune"}}) {
    const Ran ran = host_.run(words);
    EXPECT_EQ(ran.status, 5) << ran.out << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("state_locked"));
    EXPECT_THAT(ran.err, HasSubstr("process " + std::to_string(host_.pid())));
    EXPECT_THAT(ran.err, HasSubstr("next: systemctl status vigie"));
  }
  EXPECT_EQ(host_.stored().size(), 1U);
}

TEST_F(HungDaemonTest, WhatOnlyReadsAnswersAndIsNotGreen) {
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr(*host_.stored().begin()));
  expect_reading_goes_on(list);
  const Ran status = host_.run({"status"});
  EXPECT_THAT(status.out, HasSubstr("no_daemon"));
  expect_reading_goes_on(status);
  const Ran check = host_.run({"check"});
  EXPECT_NE(check.status, 0) << check.out;
  EXPECT_THAT(check.out, HasSubstr("no_daemon")) << "nothing will be backed up";
}

TEST_F(HungDaemonTest, OneThatWakesUpIsAskedAgain) {
  host_.signal(SIGCONT);
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(host_.stored().size(), 2U);
  const Ran status = host_.run({"status"});
  EXPECT_THAT(status.out, Not(HasSubstr("no_daemon")));
  EXPECT_THAT(status.err, Not(HasSubstr("does not answer")));
}

TEST_F(HungDaemonTest, OneThatIsKilledIsDoneWithout) {
  host_.signal(SIGKILL);
  EXPECT_EQ(host_.wait(), 137);
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.err, Not(HasSubstr("does not answer")));
  EXPECT_THAT(host_.run({"status"}).out, HasSubstr("no_daemon"));
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(host_.stored().size(), 2U);
}

// As after `rsync` or the restore of a backup of the state folder: what SQLite shares between
// processes is not in it, and the newest rows are in the log only.
TEST_F(HungDaemonTest, WhatAKilledOneLeftIsReadFromACopyOfItsFolder) {
  host_.signal(SIGKILL);
  EXPECT_EQ(host_.wait(), 137);
  ASSERT_TRUE(std::filesystem::exists(host_.state() / "state.db-wal"));
  std::filesystem::remove(host_.state() / "state.db-shm");
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr(*host_.stored().begin()));
  EXPECT_FALSE(std::filesystem::exists(host_.state() / "state.db-shm")) << "it only reads";
}

class HungStoreTest : public HangTest {
 protected:
  static void SetUpTestSuite() {
    HangTest::SetUpTestSuite();
    server_->execute("CREATE TABLE a AS SELECT generate_series(1, 500) i");
  }
  void SetUp() override {
    if (!HangingCalls::possible()) GTEST_SKIP() << "the kernel lets nobody hold calls here";
    ASSERT_EQ(back_up().status, 0);
    before_ = host_.stored();
    host_.hold_calls_by(calls_);
  }
  // And nothing is lost by it.
  void expect_a_quick_stop() {
    host_.signal(SIGTERM);
    EXPECT_EQ(host_.wait(10s), 0) << host_.log();
    calls_.release();
    ASSERT_TRUE(host_.serve()) << host_.log();
    expect_whole();
  }
  void expect_quick_answers() {
    for (const char* route : {"/health", "/readiness", "/backups/status", "/restore/status"}) {
      const auto began = std::chrono::steady_clock::now();
      EXPECT_EQ(host_.ask(route).status, 200) << route;
      EXPECT_LT(std::chrono::steady_clock::now() - began, 1s) << route;
    }
  }
  // Nothing is lost, nothing is left over, and it works.
  void expect_whole() {
    EXPECT_TRUE(eventually([&] { return host_.debris().empty(); }));
    EXPECT_EQ(host_.stored(), before_);
    EXPECT_EQ(host_.run({"evidence", "verify"}).status, 0);
    EXPECT_EQ(host_.run({"backup", "verify", "--all"}).status, 0);
    const Ran next = back_up();
    EXPECT_EQ(next.status, 0) << next.out << next.err;
  }

  std::set<std::string> before_;
};

TEST_F(HungStoreTest, AStopDoesNotWaitForARunThatHangsInIt) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  // What a daemon begins with is done: what hangs from now on is the run's, and then the
  // question's.
  ASSERT_TRUE(
      eventually([&] { return host_.log().find("\"kind\":\"prune\"") != std::string::npos; }));
  calls_.hang(host_.store());
  const std::string run = host_.start_run();
  ASSERT_TRUE(calls_.holds(1)) << host_.log();
  expect_quick_answers();

  host_.signal(SIGTERM);
  ASSERT_EQ(host_.wait(15s), 0) << host_.log();
  EXPECT_THAT(host_.log(), HasSubstr("some work did not return in time"));
  calls_.release();
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.state_of(run), "interrupted");
  expect_whole();
}

// Each has a patience of its own at a stop; together they would take longer than a stop may.
TEST_F(HungStoreTest, AStopIsOutWithinTenSecondsAlsoWhenARunAndAQueryHang) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_TRUE(
      eventually([&] { return host_.log().find("\"kind\":\"prune\"") != std::string::npos; }));
  calls_.hang(host_.store());
  const std::string run = host_.start_run();
  ASSERT_TRUE(calls_.holds(1)) << host_.log();
  const auto asked =
      std::async(std::launch::async, [&] { return host_.ask("/v1/backups/" + *before_.begin()); });
  ASSERT_TRUE(calls_.holds(2)) << host_.log();
  expect_a_quick_stop();
}

// The disk of the state folder hangs: behind the ledger a reload, behind state.db a run.
TEST_F(HungStoreTest, AStopDoesNotWaitForAStateFolderThatHangs) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_TRUE(
      eventually([&] { return host_.log().find("\"kind\":\"prune\"") != std::string::npos; }));
  calls_.hang(host_.state());
  host_.signal(SIGHUP);
  ASSERT_TRUE(calls_.holds(1)) << host_.log();
  expect_quick_answers();
  expect_a_quick_stop();
}

// The dump is at work when the store's file system goes: whatever lies there then is debris.
TEST_F(HungStoreTest, AStopInMidDumpLeavesWhatTheNextStartRemoves) {
  auto blocker = server_->lock_table("a");
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = host_.start_run();
  ASSERT_TRUE(server_->somebody_waits()) << host_.log();
  calls_.hang(host_.store());
  blocker.reset();
  ASSERT_TRUE(calls_.holds(1)) << host_.log();

  host_.signal(SIGTERM);
  ASSERT_EQ(host_.wait(15s), 0) << host_.log();
  EXPECT_EQ(host_.debris().size(), 1U);
  EXPECT_TRUE(eventually(
      [&] { return VigieHost::dump_processes(server_->socket_folder().string()).empty(); }));
  calls_.release();
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.state_of(run), "interrupted");
  expect_whole();
}

TEST_F(HungStoreTest, AStartDoesNotWaitForIt) {
  calls_.hang(host_.store());
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_TRUE(calls_.holds(1));
  expect_quick_answers();
  EXPECT_THAT(host_.ask("/v1/backups").body, HasSubstr(*before_.begin()));
  calls_.release();
  EXPECT_NE(host_.start_run(), "");
  EXPECT_TRUE(eventually([&] { return host_.stored().size() == 2; }, 60s)) << host_.log();
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(15s), 0);
}

// A command that works alone has nobody beside it who would notice.
TEST_F(HungStoreTest, ACommandThatOnlyReadsTellsWhatItKnows) {
  calls_.hang(host_.store());
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr(*before_.begin()));
  EXPECT_THAT(list.err, HasSubstr("does not answer"));
  calls_.release();
}

}  // namespace
}  // namespace vigie::testing
