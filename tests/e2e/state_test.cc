// A state folder that two want at once, or whose ledger somebody has damaged: the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "platform/sqlite.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class StateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PgCluster>(); }
  static void TearDownTestSuite() { server_.reset(); }

  StateTest() { host_.configure(server_->dsn(), {}); }
  Ran back_up() { return host_.run({"backup", "run", "nightly", "-o", "json"}); }
  platform::Path ledger() const { return host_.state() / "ledger" / "ledger.jsonl"; }

  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
};

std::unique_ptr<PgCluster> StateTest::server_;

TEST_F(StateTest, ASecondDaemonIsRefusedAndTheFirstIsUnharmed) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const Ran second = host_.run({"serve"});
  EXPECT_EQ(second.status, 5);
  EXPECT_THAT(second.err, HasSubstr("state_locked"));
  EXPECT_EQ(host_.ask("/health").status, 200);
}

TEST_F(StateTest, OfTwoDaemonsThatStartAtOnceOneServes) {
  VigieHost other;
  other.write("vigie.yaml", host_.read("vigie.yaml"));
  host_.start({"serve"});
  other.start({"serve"});
  const bool first = host_.says("READY=1", 60s);
  const bool second = other.says("READY=1", 60s);
  EXPECT_NE(first, second);
  EXPECT_THAT(first ? other.log() : host_.log(), HasSubstr("state_locked"));
  EXPECT_EQ(host_.ask("/health").status, 200);
}

// Without a daemon: each would do the work itself.
TEST_F(StateTest, OfTwoCommandsAtOnceOneWorksAndTheOtherIsTold) {
  server_->execute("CREATE TABLE busy(i int)");
  auto blocker = server_->lock_table("busy");
  host_.start({"backup", "run", "nightly"});
  ASSERT_TRUE(server_->somebody_waits()) << host_.log();
  const Ran second = back_up();
  EXPECT_EQ(second.status, 5) << second.out << second.err;
  EXPECT_THAT(second.err, HasSubstr("state_locked"));
  const Ran list = host_.run({"backup", "list"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.err, HasSubstr("process " + std::to_string(host_.pid())));
  blocker.reset();
  EXPECT_EQ(host_.wait(), 0) << host_.log();
  EXPECT_EQ(host_.stored().size(), 1U);
  server_->execute("DROP TABLE busy");
}

TEST_F(StateTest, ATornLastLineIsCutAndTheChainGoesOn) {
  ASSERT_EQ(back_up().status, 0);
  const auto whole = lines_of(ledger());
  std::ofstream(ledger(), std::ios::app) << whole.back().substr(0, whole.back().size() / 2);
  EXPECT_EQ(host_.run({"evidence", "verify"}).status, 0) << "it never counted";
  EXPECT_EQ(back_up().status, 0);
  EXPECT_EQ(host_.run({"evidence", "verify"}).status, 0);
  const auto now = lines_of(ledger());
  ASSERT_GT(now.size(), whole.size());
  EXPECT_TRUE(std::equal(whole.begin(), whole.end(), now.begin()));
}

TEST_F(StateTest, ADamagedMiddleIsSaidUntilItIsAcknowledgedAndTheWorkGoesOn) {
  ASSERT_EQ(back_up().status, 0);
  auto lines = lines_of(ledger());
  ASSERT_GT(lines.size(), 1U);
  lines[0][lines[0].size() / 2] ^= 1;
  write_lines(ledger(), lines);
  EXPECT_EQ(host_.run({"evidence", "verify"}).status, 1);
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.ask("/readiness").status, 503);
  EXPECT_EQ(back_up().status, 0);
  EXPECT_EQ(host_.stored().size(), 2U);
  EXPECT_EQ(host_.run({"backup", "verify", "--all"}).status, 0);
  EXPECT_EQ(host_.run({"evidence", "ack", "--reason", "seen"}).status, 0);
  EXPECT_EQ(host_.ask("/readiness").status, 200);
  EXPECT_EQ(back_up().status, 0);
}

TEST_F(StateTest, AStateThatIsNoDatabaseIsRefusedAndLeftAsItIs) {
  ASSERT_EQ(back_up().status, 0);
  const auto stored = host_.stored();
  for (const char* name : {"state.db-wal", "state.db-shm"})
    std::filesystem::remove(host_.state() / name);
  std::ofstream(host_.state() / "state.db") << std::string(8192, 'x');
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("file_corrupt"));
  EXPECT_EQ(host_.read("state/state.db"), std::string(8192, 'x'));
  EXPECT_EQ(host_.stored(), stored);
}

void set_version(const platform::Path& state, int more) {
  auto db = *platform::Sqlite::open(state / "state.db");
  ASSERT_TRUE(db.run("UPDATE schema_versions SET version = version + ?1", more));
}

TEST_F(StateTest, AStateOfANewerReleaseIsRefusedInWordsAndLeftAsItIs) {
  ASSERT_EQ(back_up().status, 0);
  const auto stored = host_.stored();
  set_version(host_.state(), 1);
  for (const auto& words :
       {std::vector<std::string>{"migrate"}, {"serve"}, {"backup", "run", "nightly"}}) {
    const Ran ran = host_.run(words);
    EXPECT_EQ(ran.status, 5) << words.front();
    EXPECT_THAT(ran.err, HasSubstr("state_newer"));
    EXPECT_THAT(ran.err, HasSubstr("install the newer release again"));
  }
  EXPECT_EQ(host_.stored(), stored);
  set_version(host_.state(), -1);
  EXPECT_EQ(host_.run({"migrate"}).status, 0);
  EXPECT_EQ(back_up().status, 0);
}

TEST_F(StateTest, WithoutItsDatabaseTheArtefactsAreFoundAgain) {
  ASSERT_EQ(back_up().status, 0);
  const auto stored = host_.stored();
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"})
    std::filesystem::remove(host_.state() / name);
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr(*stored.begin()));
  EXPECT_EQ(host_.run({"backup", "verify", "--all"}).status, 0);
}

}  // namespace
}  // namespace vigie::testing
