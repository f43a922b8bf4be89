// Databases and stores that are not as one would wish, and a daemon whose peers hang: the real
// binary.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HostileTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PgCluster>(); }
  static void TearDownTestSuite() { server_.reset(); }

  std::string dsn(const std::string& database, const std::string& user = "postgres") {
    return server_->dsn(database, user);
  }
  Ran back_up() { return host_.run({"backup", "run", "nightly", "-o", "json"}); }
  void expect_failure(const Ran& ran, const std::string& code) {
    EXPECT_THAT(ran.status, ::testing::AnyOf(1, 3, 4, 6)) << ran.out << ran.err;
    EXPECT_THAT(ran.out + ran.err, HasSubstr(code));
    EXPECT_THAT(host_.stored(), IsEmpty());
    EXPECT_THAT(host_.debris(), IsEmpty());
  }
  CallLimits limits() { return {std::chrono::steady_clock::now() + 60s, {}}; }
  std::unique_ptr<platform::PgConnection> session(const std::string& database) {
    return platform::make_pg_connector()
        ->connect(server_->named_dsn(database), "blocker", limits())
        .value();
  }
  void follow_grants(const std::string& database) {
    const Ran sql = host_.run({"grants", "--role", "dump"});
    ASSERT_EQ(sql.status, 0) << sql.err;
    host_.write("grants.sql", sql.out);
    const std::string psql = fmt::format(
        "{}/psql -X -q -v ON_ERROR_STOP=1 -f {}/grants.sql 'host={} dbname={} user=postgres'",
        server_->bindir().string(), host_.folder().string(), server_->socket_folder().string(),
        database);
    ASSERT_EQ(std::system(psql.c_str()), 0);
  }
  // Not the expiry that a daemon begins with.
  bool backup_ended() const { return host_.log().find("\"kind\":\"backup\"") != std::string::npos; }

  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
};

std::unique_ptr<PgCluster> HostileTest::server_;

TEST_F(HostileTest, MissingGrantsAreFoundBeforeTheDump) {
  server_->execute("CREATE DATABASE grants; ");
  server_->execute("CREATE TABLE closed(i int)", "grants");
  server_->create_role("poor");
  host_.configure(dsn("grants", "poor"), {"globals: false"});
  expect_failure(back_up(), "table");
}

// As a person follows the remedy; before PostgreSQL 14 the SQL goes another way.
TEST_F(HostileTest, WhatGrantsPrintsIsEnoughForTheDump) {
  server_->execute("CREATE DATABASE granted");
  server_->execute(
      "CREATE SCHEMA \"o'dd S\"; CREATE TABLE \"o'dd S\".\"T\"(i serial, m text);"
      "CREATE TABLE rows(i int); ALTER TABLE rows ENABLE ROW LEVEL SECURITY; INSERT INTO rows "
      "VALUES (1);"
      "CREATE MATERIALIZED VIEW seen AS SELECT * FROM rows; SELECT lo_from_bytea(0, 'x')",
      "granted");
  host_.configure(dsn("granted", "dumper"), {"source_check: full"});
  for (int again = 0; again < 2; ++again) follow_grants("granted");
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
}

// It may be the only one, and then nobody could give it back.
TEST_F(HostileTest, GrantsTakeNothingFromASuperuser) {
  server_->create_role("chief", "SUPERUSER CREATEDB");
  host_.configure(dsn("postgres", "chief"), {});
  follow_grants("postgres");
  EXPECT_EQ(server_->value("SELECT rolsuper AND rolcreatedb FROM pg_roles WHERE rolname = 'chief'"),
            "t");
}

TEST_F(HostileTest, RowLevelSecurityIsFoundBeforeTheDump) {
  server_->execute("CREATE DATABASE rls");
  server_->create_role("blinkered");
  server_->execute(
      "CREATE TABLE hidden(i int); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY;"
      "GRANT SELECT ON hidden TO blinkered",
      "rls");
  host_.configure(dsn("rls", "blinkered"), {"globals: false"});
  expect_failure(back_up(), "row_security");
}

TEST_F(HostileTest, ALockedTableEndsTheDumpAfterTheTimeout) {
  server_->execute("CREATE DATABASE locked");
  server_->execute("CREATE TABLE t(i int)", "locked");
  const auto blocker = server_->lock_table("t", "locked");
  host_.configure(dsn("locked"), {"lock_wait_timeout: 1s", "give_way: {after: 0}"});
  expect_failure(back_up(), "lock_wait_timeout");
}

TEST_F(HostileTest, ADumpGivesWayToWhoeverWaitsBehindIt) {
  server_->execute("CREATE DATABASE busy");
  server_->execute("CREATE TABLE a(i int); CREATE TABLE z(i int)", "busy");
  const auto blocker = server_->lock_table("z", "busy");
  host_.configure(dsn("busy"), {"lock_wait_timeout: 30s", "give_way: {after: 1s, retries: 0}"});
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_EQ(host_.ask("/v1/backups/nightly/runs", "POST", "{}").status, 202);
  ASSERT_TRUE(server_->somebody_waits());
  // It queues behind the dump's lock on `a`, and gets through long before the lock-wait timeout.
  const auto waiter = session("busy");
  const auto altered = waiter->query("ALTER TABLE public.a ADD COLUMN j int",
                                     {std::chrono::steady_clock::now() + 15s, {}});
  EXPECT_TRUE(altered) << "the dump did not give way";
  EXPECT_TRUE(eventually([&] { return host_.log().find("dump_gave_way") != std::string::npos; }))
      << host_.log();
}

TEST_F(HostileTest, TheStatusRoutesAnswerWhilePostgresHangs) {
  host_.configure(dsn("postgres"), {});
  ASSERT_TRUE(host_.serve()) << host_.log();
  server_->signal_postmaster(SIGSTOP);
  EXPECT_EQ(host_.ask("/v1/backups/nightly/runs", "POST", "{}").status, 202);
  for (const char* route : {"/health", "/readiness", "/backups/status", "/restore/status"}) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(host_.ask(route).status, 200) << route;
    EXPECT_LT(std::chrono::steady_clock::now() - began, 1s) << route;
  }
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(10s), 0);
  server_->signal_postmaster(SIGCONT);
}

TEST_F(HostileTest, ABadFileLeavesTheOldConfigurationInForce) {
  host_.configure(dsn("postgres"), {});
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string good = host_.read("vigie.yaml");
  host_.write("vigie.yaml", good + "nonsense: 1\n");
  host_.signal(SIGHUP);
  ASSERT_TRUE(host_.says("RELOADING=1", 10s));
  ASSERT_TRUE(host_.says("READY=1", 10s));
  EXPECT_THAT(host_.ask("/readiness").body, HasSubstr("config"));
  EXPECT_THAT(host_.log(), HasSubstr("config.refused"));
  host_.write("vigie.yaml", good + "  weekly: {database: app, store: local}\n");
  host_.signal(SIGHUP);
  ASSERT_TRUE(host_.says("RELOADING=1", 10s));
  ASSERT_TRUE(host_.says("READY=1", 10s));
  EXPECT_EQ(host_.ask("/v1/backups/weekly/runs", "POST", "{}").status, 202);
}

}  // namespace
}  // namespace vigie::testing
