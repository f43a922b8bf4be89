// What a restore can know of the server that it puts a database into.
#include "proof/target.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/file_system.h"
#include "proof/globals.h"
#include "tests/support/lost_answer.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

class TargetTest : public ::testing::Test {
 protected:
  TargetTest() {
    server_.create_database("app");
    server_.create_database("made");
    server_.execute("CREATE TABLE new_one()", "made");
    work_.run = new_run_id();
    work_.deadline = MonoTime::clock::now() + std::chrono::minutes(1);
  }
  bool is_in_place() {
    return server_.value("SELECT to_regclass('public.new_one') IS NOT NULL", "app") == "t" &&
           server_.value("SELECT count(*) FROM pg_database WHERE datname = 'before'") == "1";
  }

  testing::PgCluster server_;
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  Work work_;
};

// A restore that called this a failure would drop the very database that is in use now.
TEST_F(TargetTest, ARenamingWhoseAnswerIsLostHasBeenDone) {
  testing::LosesAnswers loses(*postgres_, "begin; alter database");
  auto target = Target::open(loses, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target);
  loses.lose_next();
  const auto replaced = target->put_in_place("made", "before", work_);
  ASSERT_TRUE(replaced) << replaced.error().detail(Audience::operators);
  EXPECT_TRUE(*replaced);
  EXPECT_TRUE(is_in_place());
}

TEST_F(TargetTest, ADatabaseOfARestoreThatIsGoneIsKnownByItsNameUnlessSomebodyIsInIt) {
  const std::string name = restore_database_name(RunId(std::string(32, 'a')));
  server_.create_database(name);
  auto target = Target::open(*postgres_, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target);
  EXPECT_EQ(target->left_behind(work_).value(), std::vector<std::string>{name});
  const auto session =
      postgres_->connect(server_.named_dsn(name), "another restore", work_.limits());
  ASSERT_TRUE(session);
  EXPECT_TRUE(target->left_behind(work_).value().empty()) << "that restore is at work";
}

// It waits for hours beside pg_restore; a server or a role may end such sessions, or let none
// write.
TEST_F(TargetTest, WhatTheServerSetsForOtherSessionsDoesNotEndTheRestore) {
  server_.execute(
      "ALTER ROLE postgres SET statement_timeout = '9s';"
      "ALTER ROLE postgres SET idle_in_transaction_session_timeout = '9s';"
      "ALTER ROLE postgres SET default_transaction_read_only = on");
  auto target = Target::open(*postgres_, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target) << target.error().detail(Audience::operators);
  // Divides by zero where it is not so.
  for (const char* setting : {"statement_timeout", "idle_in_transaction_session_timeout"})
    EXPECT_TRUE(target->execute(
        fmt::format("select 1 / (current_setting('{}') = '0')::int", setting), work_))
        << setting;
  EXPECT_TRUE(target->execute("create database another", work_));
  EXPECT_TRUE(target->drop("another", work_.limits()));
}

TEST_F(TargetTest, TheDatabasePostgresIsReplacedLikeAnyOther) {
  auto target = Target::open(*postgres_, server_.named_dsn("postgres"), work_);
  ASSERT_TRUE(target);
  const auto replaced = target->put_in_place("made", "before", work_);
  ASSERT_TRUE(replaced) << replaced.error().detail(Audience::operators);
  EXPECT_EQ(server_.value("SELECT to_regclass('public.new_one') IS NOT NULL", "postgres"), "t");
}

TEST_F(TargetTest, ATemplateIsDroppedToo) {
  server_.execute("ALTER DATABASE made IS_TEMPLATE true");
  auto target = Target::open(*postgres_, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target);
  EXPECT_TRUE(target->drop("made", work_.limits()));
  EXPECT_EQ(server_.value("SELECT count(*) FROM pg_database WHERE datname = 'made'"), "0");
}

// What it may not end keeps the database from being renamed, and that is what is said.
TEST_F(TargetTest, ARoleThatIsNoSuperuserEndsWhatItMayAndIsToldOfTheRest) {
  server_.create_role("restorer", "CREATEDB");
  server_.execute("ALTER DATABASE made OWNER TO restorer; ALTER DATABASE app OWNER TO restorer");
  auto target = Target::open(*postgres_, server_.named_dsn("app", "restorer"), work_);
  ASSERT_TRUE(target) << target.error().detail(Audience::operators);
  const auto superuser = postgres_->connect(server_.named_dsn("app"), "psql", work_.limits());
  ASSERT_TRUE(superuser);
  const auto refused = target->put_in_place("made", "before", work_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::restore_target_busy);
  const auto own =
      postgres_->connect(server_.named_dsn("made", "restorer"), "psql", work_.limits());
  ASSERT_TRUE(own);
  ASSERT_TRUE((*superuser)
                  ->query("select pg_terminate_backend(pg_backend_pid())", work_.limits())
                  .error()
                  .code() != ErrorCode::internal_error);
  EXPECT_TRUE(target->put_in_place("made", "before", work_));
}

TEST_F(TargetTest, RolesThatWereMadeBeforeOneIsRefusedAreCounted) {
  server_.create_role("maker", "CREATEDB CREATEROLE");
  const testing::TempFolder folder;
  const platform::Path script = folder.path() / "globals.sql";
  ASSERT_TRUE(platform::write_file_new(platform::real_file_system(), script,
                                       "CREATE ROLE first;\nALTER ROLE first WITH SUPERUSER;\n"));
  auto target = Target::open(*postgres_, server_.named_dsn("app", "maker"), work_);
  ASSERT_TRUE(target);
  EXPECT_FALSE(target->superuser());
  const auto roles = restore_globals(platform::real_file_system(), script, *target, work_);
  ASSERT_FALSE(roles);
  EXPECT_EQ(roles.error().parameter("roles"), "1");
}

TEST_F(TargetTest, RightsOnATablespaceAreLeftOutOfTheGlobals) {
  const testing::TempFolder folder;
  const platform::Path script = folder.path() / "globals.sql";
  ASSERT_TRUE(platform::write_file_new(platform::real_file_system(), script,
                                       "CREATE ROLE reader;\nALTER ROLE reader WITH NOLOGIN;\n"
                                       "GRANT ALL ON TABLESPACE fast TO reader;\n"
                                       "GRANT pg_monitor TO reader;\n"));
  auto target = Target::open(*postgres_, server_.named_dsn("app"), work_);
  ASSERT_TRUE(target);
  const auto roles = restore_globals(platform::real_file_system(), script, *target, work_);
  ASSERT_TRUE(roles) << roles.error().detail(Audience::operators);
  EXPECT_EQ(roles->made, 1U);
  EXPECT_EQ(server_.value("SELECT pg_has_role('reader', 'pg_monitor', 'member')"), "t");
}

}  // namespace
}  // namespace vigie::proof
