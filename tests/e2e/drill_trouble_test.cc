// Drills of databases that do harm, by the real binary: what they find, what does not get out of
// their server, and what they leave when that is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/file_search.h"
#include "tests/support/harmful_source.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"
#include "tests/support/scratch_dir.h"
#include "tests/support/shared_memory.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kPatience = std::chrono::minutes(1);

class DrillTroubleTest : public ::testing::Test {
 protected:
  // The source holds what `sql` makes, and one backup of it is there. `drill`: lines of the
  // drill's mapping.
  void back_up(const std::string& sql, const std::vector<std::string>& drill = {}) {
    source_.create_database("app");
    source_.execute(sql, "app");
    host_.configure(source_.dsn("app"), {});
    std::vector<std::string> lines{"canary: never"};
    lines.insert(lines.end(), drill.begin(), drill.end());
    host_.add_drill(scratch_.path(), lines);
    const Ran ran = host_.run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  Ran drill() { return host_.run({"drill", "run", "weekly"}); }
  std::string shown() { return host_.run({"drill", "show", "weekly"}).out; }
  std::string evidence() {
    return host_.run({"evidence", "list", "--kind", "restore_drill", "-o", "json"}).out;
  }
  bool nothing_is_left() {
    return scratch_.is_clean() && std::filesystem::is_empty(host_.state() / "staging");
  }

  PgCluster source_;
  // A file that the servers' user can make.
  const platform::Path mark_ = source_.socket_folder() / "mark";
  ScratchDir scratch_;
  const platform::Path server_folder_ = scratch_.path() / "weekly";
  HangingCalls calls_;
  VigieHost host_;
};

TEST_F(DrillTroubleTest, RowsThatAreNotThoseOfTheBackupFail) {
  back_up(kEatsItsRows);
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("restore_rows_differ"));
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"failed\""), HasSubstr("restore_rows_differ")));
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(DrillTroubleTest, RightsOnTheSchemaPublicThatAreLostFail) {
  back_up(kLosesRightsOfPublic);
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err << shown();
  EXPECT_THAT(ran.err, AllOf(HasSubstr("drill_checks_failed"), HasSubstr("objects.public_schema")));
  EXPECT_THAT(evidence(), HasSubstr("\"failed\""));
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(DrillTroubleTest, PgRestoreThatFailsIsTheBackupsFaultAndNobodyQuotesTheRow) {
  back_up(refuses_its_rows("Canary-of-a-row", mark_));
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("restore_failed"));
  EXPECT_NE(file_that_holds("pg_restore: error: [", host_.state()), "") << "the run's log";
  EXPECT_EQ(file_that_holds("Canary", host_.state()), "");
  EXPECT_THAT(ran.out + ran.err + evidence() + shown(), Not(HasSubstr("Canary")));
  EXPECT_TRUE(nothing_is_left());
}

TEST_F(DrillTroubleTest, AScratchServerThatIsGoneSaysNothingOfTheBackup) {
  back_up(waits_when_restored("app", mark_));
  host_.start({"drill", "run", "weekly"});
  ASSERT_TRUE(eventually([&] { return contents(mark_).ends_with('\n'); }, kPatience))
      << host_.log();
  const ProcessWatch session(std::stoi(contents(mark_)));
  ::kill(std::stoi(contents(server_folder_ / "data" / "postmaster.pid")), SIGKILL);
  EXPECT_EQ(host_.wait(), 3) << host_.log();
  EXPECT_TRUE(session.ends_within(kPatience));
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"could_not_verify\""), Not(HasSubstr("\"passed\""))));
  EXPECT_TRUE(nothing_is_left());
}

// PostgreSQL says "No space left on device" of it.
TEST_F(DrillTroubleTest, AMachineWithoutSharedMemoryIsNoFullDisk) {
  back_up("CREATE TABLE t AS SELECT 1 AS a");
  const NoSegments crowded;
  if (!crowded.done()) GTEST_SKIP() << "needs root";
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("scratch_failed"), HasSubstr("kernel.shmmni")));
  EXPECT_THAT(evidence(), HasSubstr("\"could_not_verify\""));
  EXPECT_TRUE(nothing_is_left());
}

// A subscription that is restored would take rows from the publisher of the source.
TEST_F(DrillTroubleTest, NothingReachesOutOfItsServer) {
  back_up(
      "CREATE TABLE t AS SELECT 1 AS a;"
      "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 port=1 dbname=x' PUBLICATION p"
      "  WITH (connect = false);"
      "COMMENT ON SUBSCRIPTION s IS 'of another server'",
      {"assertions:", "  - {name: none, sql: \"select count(*) from pg_subscription\", equals: 0}",
       "  - {name: workers, sql: \"show max_logical_replication_workers\", equals: 0}",
       "  - {name: archives, sql: \"show archive_mode\", equals: 'off'}",
       "  - {name: listens, sql: \"select current_setting('listen_addresses') = ''\", equals: t}",
       "  - {name: socket, sql: \"show unix_socket_permissions\", equals: '0700'}"});
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err << shown();
  EXPECT_THAT(shown(), HasSubstr("subscriptions were left out"));
  EXPECT_EQ(source_.value("SELECT count(*) FROM pg_subscription"), "1");
}

TEST_F(DrillTroubleTest, NobodyElseEntersTheFolderOfItsServer) {
  back_up("CREATE TABLE t AS SELECT 1 AS a",
          {"assertions:", "  - {name: waits, sql: \"select pg_sleep(600)\", equals: x}"});
  host_.start({"drill", "run", "weekly"});
  const auto socket = server_folder_ / ".s.PGSQL.5432";
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket); }, kPatience))
      << host_.log();
  EXPECT_EQ(std::filesystem::status(server_folder_).permissions(),
            std::filesystem::perms::owner_all);
  host_.signal(SIGTERM);
  host_.wait();
  EXPECT_TRUE(nothing_is_left());
}

// In the middle of unpacking, beside which the server is made.
TEST_F(DrillTroubleTest, CtrlCLeavesNothingAndIsNoVerdict) {
  if (!HangingCalls::possible()) GTEST_SKIP() << "the kernel lets nobody hold calls here";
  back_up("CREATE TABLE t AS SELECT 1 AS a");
  calls_.hang(host_.store() / "nightly" / *host_.stored().begin() / "dump");
  host_.hold_calls_by(calls_);
  host_.start({"drill", "run", "weekly"});
  ASSERT_TRUE(calls_.holds(1)) << host_.log();
  host_.signal(SIGINT);
  calls_.release();
  EXPECT_EQ(host_.wait(std::chrono::seconds(20)), 130) << host_.log();
  EXPECT_TRUE(nothing_is_left());
  EXPECT_TRUE(processes_of(server_folder_.string(), "").empty());
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"could_not_verify\""), HasSubstr("cancelled")));
}

}  // namespace
}  // namespace vigie::testing
