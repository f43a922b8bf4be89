// Databases and stores that are not as one would wish, and a daemon whose peers hang: the real
// binary.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

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
  platform::CallLimits limits() { return {std::chrono::steady_clock::now() + 60s, {}}; }
  std::unique_ptr<platform::PgConnection> session(const std::string& database) {
    return platform::make_pg_connector()
        ->connect(server_->named_dsn(database), "blocker", limits())
        .value();
  }
  template <class Condition>
  static bool comes(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + 10s;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > limit) return false;
    }
    return true;
  }
  // Not the expiry that a daemon begins with.
  bool backup_ended() const { return host_.log().find("\"kind\":\"backup\"") != std::string::npos; }
  static bool somebody_waits() {
    return server_->value("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0";
  }

  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
};

std::unique_ptr<PgCluster> HostileTest::server_;

TEST_F(HostileTest, NamesOfEveryKindAreBackedUpAndVerified) {
  server_->execute("CREATE DATABASE names");
  const std::string longest(63, 'x');
  server_->execute(
      "CREATE SCHEMA \"a schema\"; CREATE TABLE \"a schema\".\"with \"\"quotes\"\"\"(i int);"
      "CREATE TABLE \"two\nlines\"(\"co\nl\" text); INSERT INTO \"two\nlines\" VALUES (E'x\\ny');"
      "CREATE TABLE \"été ☃\"(\"ü\" int); INSERT INTO \"été ☃\" VALUES (1);"
      "CREATE TABLE \"back\\slash 'q'\"(i int); INSERT INTO \"back\\slash 'q'\" VALUES (1);"
      "CREATE TABLE nothing(); INSERT INTO nothing DEFAULT VALUES;"
      "CREATE TABLE \"" +
          longest + "\"(i int)",
      "names");
  host_.configure(dsn("names"), {});
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(host_.stored().size(), 1U);
}

TEST_F(HostileTest, ADatabaseNamedInTheWorstWayIsBackedUp) {
  const std::string name = "we\"ird 'na\\me é";
  server_->execute("CREATE DATABASE \"we\"\"ird 'na\\me é\"");
  // libpq's quoting inside YAML's double quotes.
  std::string text = server_->dsn("X");
  text.replace(text.find("dbname=") + 7,
               text.find(' ', text.find("dbname=")) - text.find("dbname=") - 7,
               "'we\\\"ird \\\\'na\\\\\\\\me é'");
  host_.configure(text, {});
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
}

TEST_F(HostileTest, AnEmptyDatabaseIsBackedUp) {
  server_->execute("CREATE DATABASE empty");
  host_.configure(dsn("empty"), {});
  const Ran ran = back_up();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
}

TEST_F(HostileTest, AMissingDatabaseIsSaidSo) {
  host_.configure(dsn("nowhere"), {});
  expect_failure(back_up(), "database_missing");
}

TEST_F(HostileTest, MissingGrantsAreFoundBeforeTheDump) {
  server_->execute("CREATE DATABASE grants; ");
  server_->execute("CREATE TABLE closed(i int)", "grants");
  server_->create_role("poor");
  host_.configure(dsn("grants", "poor"), {"globals: false"});
  expect_failure(back_up(), "table");
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
  const auto blocker = session("locked");
  ASSERT_TRUE(blocker->query("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE", limits()));
  host_.configure(dsn("locked"), {"lock_wait_timeout: 1s", "give_way: {after: 0}"});
  expect_failure(back_up(), "lock_wait_timeout");
}

TEST_F(HostileTest, ADumpGivesWayToWhoeverWaitsBehindIt) {
  server_->execute("CREATE DATABASE busy");
  server_->execute("CREATE TABLE a(i int); CREATE TABLE z(i int)", "busy");
  const auto blocker = session("busy");
  ASSERT_TRUE(blocker->query("BEGIN; LOCK TABLE public.z IN ACCESS EXCLUSIVE MODE", limits()));
  host_.configure(dsn("busy"), {"lock_wait_timeout: 30s", "give_way: {after: 1s, retries: 0}"});
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_EQ(host_.ask("/v1/backups/nightly/runs", "POST", "{}").status, 202);
  ASSERT_TRUE(comes(somebody_waits));
  // It queues behind the dump's lock on `a`, and gets through long before the lock-wait timeout.
  const auto waiter = session("busy");
  const auto altered = waiter->query("ALTER TABLE public.a ADD COLUMN j int",
                                     {std::chrono::steady_clock::now() + 15s, {}});
  EXPECT_TRUE(altered) << "the dump did not give way";
  EXPECT_TRUE(comes([&] { return host_.log().find("dump_gave_way") != std::string::npos; }))
      << host_.log();
}

TEST_F(HostileTest, ADatabaseDroppedInMidDumpLeavesNothing) {
  server_->execute("CREATE DATABASE doomed");
  server_->execute("CREATE TABLE t(i int)", "doomed");
  const auto blocker = session("doomed");
  ASSERT_TRUE(blocker->query("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE", limits()));
  host_.configure(dsn("doomed"), {"give_way: {after: 0}"});
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_EQ(host_.ask("/v1/backups/nightly/runs", "POST", "{}").status, 202);
  ASSERT_TRUE(comes(somebody_waits));
  server_->execute("DROP DATABASE doomed WITH (FORCE)");
  EXPECT_TRUE(comes([&] { return backup_ended(); }));
  EXPECT_THAT(host_.log(), HasSubstr("\"msg\":\"failed\""));
  EXPECT_THAT(host_.stored(), IsEmpty());
  EXPECT_THAT(host_.debris(), IsEmpty());
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

TEST_F(HostileTest, AStoreThatVanishesIsAnErrorAndItsArtefactsComeBack) {
  host_.configure(dsn("postgres"), {});
  ASSERT_EQ(back_up().status, 0);
  const auto before = host_.stored();
  const platform::Path away = host_.folder() / "away";
  std::filesystem::rename(host_.store(), away);
  std::filesystem::create_symlink(host_.folder() / "nowhere" / "deep", host_.store());
  const Ran ran = back_up();
  EXPECT_NE(ran.status, 0) << ran.out;
  std::filesystem::remove(host_.store());
  std::filesystem::rename(away, host_.store());
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_THAT(list.out, HasSubstr(*before.begin()));
  EXPECT_EQ(host_.run({"backup", "verify", "--all"}).status, 0);
}

}  // namespace
}  // namespace vigie::testing
