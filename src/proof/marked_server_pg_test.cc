// A server that was given away for drills: what makes it one, what keeps it from being used, and
// that nothing goes there but what a drill of ours has made.
#include "proof/marked_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/clock.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::PgCluster;

class MarkedServerTest : public ::testing::Test {
 protected:
  MarkedServerTest() {
    server_.create_database("wipe_me");
    backup_.id = *BackupId::parse("nightly.app-20261110T020000Z");
    backup_.server.system_identifier = "1";
    request_ = {"weekly", server_.named_dsn("not_there"), "wipe_me", "owner", &backup_, {}};
  }
  static CallLimits limits() {
    return {platform::RealClock().monotonic() + std::chrono::minutes(1), {}};
  }
  Result<std::unique_ptr<MarkedServer>> open() {
    return MarkedServer::open(*connector_, request_, limits());
  }
  // Its name; "opened" when there was none.
  std::string refused() {
    const auto server = open();
    return server ? "opened" : std::string(server.error().info().name);
  }
  // Why a backup cannot be drilled there; empty: it can.
  std::string misfit(int major) {
    const auto fits = (*open())->check_fits(backup_, major, limits());
    return fits ? "" : fits.error().detail(Audience::everybody);
  }
  bool there(const std::string& database) {
    return server_.value("SELECT count(*) FROM pg_database WHERE datname = '" + database + "'") ==
           "1";
  }

  PgCluster server_{{.settings = {{"shared_preload_libraries", "auto_explain"}}}};
  std::unique_ptr<platform::PgConnector> connector_ = platform::make_pg_connector();
  artefact::Manifest backup_;
  MarkedServerRequest request_;
};

TEST_F(MarkedServerTest, IsOneThatHasTheMarker) {
  EXPECT_EQ(refused(), "opened");
  server_.execute("ALTER DATABASE wipe_me RENAME TO keep_me");
  EXPECT_EQ(refused(), "scratch_not_marked");
}

// Nobody is told to mark it.
TEST_F(MarkedServerTest, ASourceWithoutTheMarkerIsASource) {
  request_.marker = "not_made_yet";
  EXPECT_EQ(refused(), "scratch_not_marked");
  request_.sources = {server_.named_dsn("template1")};
  EXPECT_EQ(refused(), "scratch_is_source");
}

TEST_F(MarkedServerTest, IsNotTheSourceOfTheBackup) {
  backup_.server.system_identifier =
      server_.value("SELECT system_identifier FROM pg_control_system()");
  EXPECT_EQ(refused(), "scratch_is_source");
}

TEST_F(MarkedServerTest, IsNotTheServerOfAnythingThatIsBackedUp) {
  request_.sources = {server_.named_dsn("template1")};
  EXPECT_EQ(refused(), "scratch_is_source");
}

TEST_F(MarkedServerTest, ASourceThatDoesNotAnswerKeepsNoneFromBeingMade) {
  request_.sources = {{"gone", "host=/nonexistent dbname=app user=vigie", ""}};
  const auto server = open();
  ASSERT_TRUE(server);
  EXPECT_THAT((*server)->not_compared(), ::testing::ElementsAre("gone"));
}

TEST_F(MarkedServerTest, IsReachedAsASuperuser) {
  server_.create_role("clerk", "CREATEDB");
  request_.dsn = server_.named_dsn("wipe_me", "clerk");
  EXPECT_EQ(refused(), "restore_rights");
}

TEST_F(MarkedServerTest, RemovesWhatItsDrillHasMadeAndNothingElse) {
  const std::string ours = drill_database_name("owner", "weekly");
  const std::string others = drill_database_name("owner", "monthly");
  for (const std::string& name : {ours, ours + "_filling", others}) server_.create_database(name);
  server_.execute("ALTER DATABASE " + ours + " IS_TEMPLATE true");
  ASSERT_TRUE((*open())->remove_databases(limits()));
  EXPECT_FALSE(there(ours));
  EXPECT_FALSE(there(ours + "_filling"));
  EXPECT_TRUE(there(others));
  EXPECT_TRUE(there("wipe_me"));
}

TEST_F(MarkedServerTest, EachStateFolderAndDrillHasADatabaseOfItsOwn) {
  EXPECT_NE(drill_database_name("owner", "weekly"), drill_database_name("other", "weekly"));
  EXPECT_NE(drill_database_name("owner", "weekly"), drill_database_name("owner", "monthly"));
}

TEST_F(MarkedServerTest, ADrillOfTheSameNameIsKeptOut) {
  const auto first = open();
  ASSERT_TRUE(first);
  EXPECT_EQ(refused(), "scratch_in_use");
  request_.drill = "monthly";
  EXPECT_EQ(refused(), "opened");
}

TEST_F(MarkedServerTest, MustHaveWhatCannotBeChosenThere) {
  const int major = server_.major();
  EXPECT_THAT(misfit(major), IsEmpty());
  EXPECT_THAT(misfit(major + 1), HasSubstr("and " + std::to_string(major + 1) + " is needed"));
  backup_.server.preload = "auto_explain, \"$libdir/other\"";
  EXPECT_THAT(misfit(major), IsEmpty());
  backup_.server.preload = "auto_explain,timescaledb";
  EXPECT_THAT(misfit(major), HasSubstr("no timescaledb in shared_preload_libraries"));
}

TEST_F(MarkedServerTest, MustSortAsTheSourceDoes) {
  // C and POSIX have no version, and a machine need not have another locale: the name is enough.
  server_.execute("UPDATE pg_collation SET collcollate = 'en_US.UTF-8' WHERE collname = 'POSIX'",
                  "wipe_me");
  const std::string version = server_.value(
      "SELECT pg_collation_actual_version(oid) FROM pg_collation WHERE collname = 'POSIX'",
      "wipe_me");
  ASSERT_THAT(version, Not(IsEmpty()));
  backup_.server.collation_version = version;
  EXPECT_THAT(misfit(server_.major()), IsEmpty());
  backup_.server.collation_version = "2.1";
  EXPECT_THAT(misfit(server_.major()), HasSubstr("those of the backup of 2.1"));
}

}  // namespace
}  // namespace vigie::proof
