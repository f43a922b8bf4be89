// Databases that refuse, hang, die or go away while the real binary backs them up, and databases
// whose names are as bad as PostgreSQL allows: those are restored by the recovery card.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/recovery_card_steps.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class DatabaseTest : public ::testing::Test {
 protected:
  Ran back_up() { return host_.run({"backup", "run", "nightly", "-o", "json"}); }

  // It says so, leaves nothing, and the ledger holds it.
  void expect_refusal(const std::string& code) {
    const Ran ran = back_up();
    EXPECT_NE(ran.status, 0) << ran.out << ran.err;
    EXPECT_THAT(ran.out + ran.err, HasSubstr(code));
    expect_nothing_stored();
    const Ran evidence = host_.run({"evidence", "list", "--kind", "backup", "-o", "json"});
    EXPECT_THAT(evidence.out, HasSubstr("\"" + code + "\""));
    EXPECT_EQ(host_.run({"evidence", "verify"}).status, 0);
  }
  void expect_nothing_stored() {
    EXPECT_THAT(host_.stored(), IsEmpty());
    EXPECT_THAT(host_.debris(), IsEmpty());
  }

  VigieHost host_;
};

TEST_F(DatabaseTest, AWrongPasswordIsSaidSoAndNotShown) {
  PgCluster server({.authentication = "scram-sha-256"});
  server.create_role("keeper", "SUPERUSER", "the right one");
  host_.write("password", "Canary-51d0\n");
  host_.configure(server.dsn("postgres", "keeper"), {}, (host_.folder() / "password").string());
  expect_refusal("database_authentication");
  EXPECT_THAT(host_.read("out") + host_.read("err"), Not(HasSubstr("Canary")));
  host_.write("password", "the right one\n");
  EXPECT_EQ(back_up().status, 0) << "the file is read again";
}

// As on a server where nobody may connect to "postgres"; and what stands in our environment goes to
// none of those who connect.
TEST_F(DatabaseTest, ItsOwnDatabaseAndItsOwnConnectionStringAreEnough) {
  PgCluster server;
  server.create_database("app");
  server.execute("CREATE TABLE t AS SELECT 1 i", "app");
  server.create_role("keeper");
  server.execute("GRANT SELECT ON t TO keeper", "app");
  server.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC");
  host_.configure(server.dsn("app", "keeper") + " keepalives_idle=60", {});
  const Ran ran = host_.run({"backup", "run", "nightly"}, {{"PGOPTIONS", "-c nonsense=1"}});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
}

TEST_F(DatabaseTest, AMissingDatabaseIsSaidSo) {
  PgCluster server;
  host_.configure(server.dsn("nowhere"), {});
  expect_refusal("database_missing");
}

TEST_F(DatabaseTest, ARefusedConnectionIsSaidSo) {
  // Bound and not listening: nobody else can take the port meanwhile.
  const platform::Descriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(bound.get(), plain, size), 0);
  ASSERT_EQ(::getsockname(bound.get(), plain, &size), 0);
  host_.configure(fmt::format("host=127.0.0.1 port={} dbname=app user=x", ntohs(address.sin_port)),
                  {});
  expect_refusal("database_unreachable");
}

TEST_F(DatabaseTest, AHungServerCostsNoMoreThanTheTimeout) {
  PgCluster server;
  host_.configure(server.dsn(), {"timeout: 2s"});
  server.signal_postmaster(SIGSTOP);
  const auto began = std::chrono::steady_clock::now();
  expect_refusal("deadline_exceeded");
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
  server.signal_postmaster(SIGCONT);
}

// The dump waits for a lock: then something happens to its server.
class MidDumpTest : public DatabaseTest {
 protected:
  void begin(const std::vector<std::string>& job) {
    server_.create_database("doomed");
    server_.execute("CREATE TABLE t AS SELECT generate_series(1, 1000) i", "doomed");
    blocker_ = server_.lock_table("t", "doomed");
    host_.configure(server_.dsn("doomed"), job);
    ASSERT_TRUE(host_.serve()) << host_.log();
    run_ = host_.start_run();
    ASSERT_NE(run_, "");
    ASSERT_TRUE(server_.somebody_waits());
    // The source check may be the first that waits.
    ASSERT_TRUE(eventually(
        [&] { return !VigieHost::dump_processes(server_.socket_folder().string()).empty(); }));
  }
  // The run fails, the daemon lives, and nothing is left at work.
  void expect_failed_run() {
    EXPECT_TRUE(eventually([&] { return ended("backup"); })) << host_.log();
    EXPECT_THAT(host_.log(), HasSubstr("\"msg\":\"failed\""));
    EXPECT_TRUE(eventually(
        [&] { return VigieHost::dump_processes(server_.socket_folder().string()).empty(); }));
    expect_nothing_stored();
    EXPECT_EQ(host_.ask("/health").status, 200);
  }
  // Not the expiry that a daemon begins with.
  bool ended(const std::string& kind) const {
    return host_.log().find("\"kind\":\"" + kind + "\"") != std::string::npos;
  }

  PgCluster server_;
  std::unique_ptr<platform::PgConnection> blocker_;
  std::string run_;
};

TEST_F(MidDumpTest, TheDumpsProgramsCarryTheCorrelationIdOfTheirRun) {
  begin({"give_way: {after: 0}"});
  const auto row = parse_json(host_.ask("/v1/runs/" + run_).body);
  ASSERT_TRUE(row) << host_.log();
  const std::string id(row->at("correlation_id").as_string());
  EXPECT_FALSE(VigieHost::dump_processes("VIGIE_CORRELATION_ID=" + id).empty());
}

TEST_F(MidDumpTest, ADroppedDatabaseLeavesNothing) {
  begin({"give_way: {after: 0}"});
  server_.execute("DROP DATABASE doomed WITH (FORCE)");
  expect_failed_run();
}

TEST_F(MidDumpTest, AKilledServerLeavesNothingAndTheNextRunIsGood) {
  begin({"give_way: {after: 0}"});
  server_.kill9();
  expect_failed_run();
  server_.start();
  EXPECT_EQ(host_.ask("/v1/backups/nightly/runs", "POST", "{}").status, 202);
  EXPECT_TRUE(eventually([&] { return host_.stored().size() == 1; })) << host_.log();
}

// Also what should end the dump on the server does not answer.
TEST_F(MidDumpTest, AServerThatHangsCostsNoMoreThanTheTimeout) {
  begin({"give_way: {after: 0}", "timeout: 3s"});
  EXPECT_GT(server_.signal_backends("", SIGSTOP), 1);
  server_.signal_postmaster(SIGSTOP);
  expect_failed_run();
  EXPECT_TRUE(eventually([&] {
    return host_.ask("/backups/status").body.find("deadline_exceeded") != std::string::npos;
  })) << host_.ask("/backups/status").body;
  server_.signal_postmaster(SIGCONT);
  server_.signal_backends("", SIGCONT);
  blocker_.reset();
  EXPECT_TRUE(eventually([&] {
    return server_.value("SELECT count(*) FROM pg_stat_activity WHERE datname = 'doomed'") == "0";
  })) << "nobody is left";
}

// Backed up by the binary, restored by the card into a server that has nothing of it.
class RestoredTest : public DatabaseTest {
 protected:
  void restore(const std::string& database) {
    host_.configure(server_.dsn(database), {"source_check: full"});
    const Ran ran = back_up();
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
    const auto stored = host_.stored();
    ASSERT_EQ(stored.size(), 1U);
    const Ran verified = host_.run({"backup", "verify", *stored.begin()});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
    EXPECT_EQ(follow_recovery_card(host_.store() / "nightly" / *stored.begin(), target_), "");
    EXPECT_EQ(dump_as_sql(target_, database), dump_as_sql(server_, database));
  }
  std::string rows(const std::string& query, const std::string& database) {
    const std::string is = target_.value(query, database);
    EXPECT_EQ(is, server_.value(query, database));
    return is;
  }

  PgCluster server_;
  PgCluster target_;
};

// 63 bytes of what shells, libpq, SQL, JSON, YAML and terminals read in their own way.
std::string worst_name(char kind) {
  std::string name = fmt::format("{}'q \"dq\" \\b `x` $(false) -- ;\n%s é☃ = a:b {{}}|&", kind);
  return name + std::string(63 - name.size(), 'x');
}

TEST_F(RestoredTest, NamesOfTheWorstKind) {
  std::string database = worst_name('d');
  std::ranges::replace(database, '=', '~');  // vigie.yaml refuses it: libpq would look into it
  const std::string owner = platform::quote_identifier(worst_name('r'));
  const std::string schema = platform::quote_identifier(worst_name('s'));
  const std::string table = schema + "." + platform::quote_identifier(worst_name('t'));
  const std::string column = platform::quote_identifier(worst_name('c'));
  server_.create_database(database);
  server_.create_role(worst_name('r'));
  server_.execute(
      fmt::format("CREATE SCHEMA {1} AUTHORIZATION {0}; CREATE TABLE {2}({3} text PRIMARY KEY);"
                  "ALTER TABLE {2} OWNER TO {0}; COMMENT ON TABLE {2} IS E'a\\n\\\\.\\nb';"
                  "INSERT INTO {2} VALUES (E'x\\ny'), ('\\.'), ('☃'), ('');"
                  "CREATE VIEW {1}.v AS SELECT {3} FROM {2}; CREATE INDEX ON {2}({3});"
                  "GRANT SELECT ON {1}.v TO {0}",
                  owner, schema, table, column),
      database);
  restore(database);
  EXPECT_EQ(rows("SELECT count(*) FROM " + table, database), "4");
  EXPECT_EQ(rows("SELECT tableowner FROM pg_tables WHERE tablename ~ '^t''q'", database),
            worst_name('r'));
}

TEST_F(RestoredTest, AnEmptyDatabase) {
  server_.create_database("empty");
  restore("empty");
}

TEST_F(RestoredTest, ATableOfZeroColumns) {
  server_.create_database("bare");
  server_.execute(
      "CREATE TABLE nothing(); CREATE TABLE rows(); INSERT INTO rows DEFAULT VALUES;"
      "INSERT INTO rows DEFAULT VALUES; CREATE TABLE gone(i int); INSERT INTO gone VALUES (1);"
      "ALTER TABLE gone DROP COLUMN i",
      "bare");
  restore("bare");
  EXPECT_EQ(rows("SELECT count(*) FROM rows", "bare"), "2");
  EXPECT_EQ(rows("SELECT count(*) FROM gone", "bare"), "1");
}

}  // namespace
}  // namespace vigie::testing
