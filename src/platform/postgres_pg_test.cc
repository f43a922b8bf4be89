#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "platform/descriptor.h"
#include "platform/postgres.h"
#include "platform/process.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"

namespace vigie::platform {
namespace {

using testing::PgCluster;
using namespace std::chrono_literals;

CallLimits within(std::chrono::milliseconds time, std::stop_token stop = {}) {
  return {MonoTime::clock::now() + time, std::move(stop)};
}

std::string words(const Error& error) {
  return std::string(error.info().name) + ": " + error.detail(Audience::operators);
}

struct PostgresTest : ::testing::Test {
  static void SetUpTestSuite() {
    cluster =
        std::make_unique<PgCluster>(testing::PgClusterOptions{.authentication = "scram-sha-256"});
    cluster->create_role("app", "", "s3cr:t\\x");
  }
  static void TearDownTestSuite() { cluster.reset(); }

  static std::unique_ptr<PgConnection> open(const Dsn& dsn = cluster->named_dsn(),
                                            std::string_view name = "vigie-test") {
    auto session = make_pg_connector()->connect(dsn, name, within(20s));
    if (!session) throw std::runtime_error(words(session.error()));
    return std::move(*session);
  }
  static ErrorCode refusal(const Dsn& dsn, std::chrono::milliseconds time = 20s) {
    const auto session = make_pg_connector()->connect(dsn, "vigie-test", within(time));
    return session ? ErrorCode::internal_error : session.error().code();
  }
  Path secret(std::string_view text) {
    const Path path = folder / "password";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), 0600);
    return path;
  }

  static std::unique_ptr<PgCluster> cluster;
  testing::TempFolder folder;
};
std::unique_ptr<PgCluster> PostgresTest::cluster;

TEST_F(PostgresTest, GivesRowsAndNulls) {
  const auto session = open();
  const auto rows = session->query("SELECT n, NULL, 'é' FROM generate_series(1, 3) n", within(9s));
  ASSERT_TRUE(rows) << words(rows.error());
  EXPECT_EQ((*rows)->rows(), 3U);
  EXPECT_EQ((*rows)->columns(), 3U);
  EXPECT_EQ((*rows)->integer(2, 0), 3);
  EXPECT_TRUE((*rows)->is_null(0, 1));
  EXPECT_EQ((*rows)->at(0, 1), "");
  EXPECT_EQ((*rows)->at(1, 2), "é");
}

TEST_F(PostgresTest, GivesTheRowsOfTheLastStatement) {
  const auto session = open();
  EXPECT_EQ((*session->query("SELECT 1; SELECT 2, 3", within(9s)))->at(0, 1), "3");
  EXPECT_EQ((*session->query("SELECT 1; SELECT 2 WHERE false", within(9s)))->rows(), 0U);
  EXPECT_EQ((*session->query("SELECT 1; SET work_mem = '1MB'", within(9s)))->columns(), 0U);
  EXPECT_EQ((*session->query("", within(9s)))->rows(), 0U);
}

TEST_F(PostgresTest, TakesParametersAsText) {
  const auto session = open();
  const auto rows = session->query("SELECT $1 || '!', $2::int + 1, $3::text IS NULL",
                                   {"o'brien; DROP", "41", std::nullopt}, within(9s));
  ASSERT_TRUE(rows) << words(rows.error());
  EXPECT_EQ((*rows)->at(0, 0), "o'brien; DROP!");
  EXPECT_EQ((*rows)->at(0, 1), "42");
  EXPECT_EQ((*rows)->at(0, 2), "t");
}

TEST_F(PostgresTest, RefusesANulByte) {
  const auto session = open();
  const std::string nul("a\0b", 3);
  EXPECT_EQ(session->query("SELECT $1", {nul}, within(9s)).error().code(),
            ErrorCode::database_query);
  EXPECT_FALSE(session->query(nul, within(9s)));
  EXPECT_TRUE(session->query("SELECT 1", within(9s))) << "the session goes on";
}

TEST_F(PostgresTest, SetsUpTheSession) {
  const auto session = open(cluster->named_dsn(), std::string(100, 'n'));
  const auto rows = session->query(
      "SELECT current_setting('application_name'), current_setting('search_path'), "
      "current_setting('client_connection_check_interval', true), "
      "current_setting('client_encoding')",
      within(9s));
  EXPECT_EQ((*rows)->at(0, 0), std::string(63, 'n'));
  EXPECT_EQ((*rows)->at(0, 1), "");
  EXPECT_EQ((*rows)->at(0, 2), cluster->major() < 14 ? "" : "2s") << "PostgreSQL 14 brought it";
  EXPECT_EQ((*rows)->at(0, 3), "UTF8");
  EXPECT_EQ(session->server_version() / 10000, cluster->major());
  EXPECT_EQ(std::to_string(session->backend_pid()),
            (*session->query("SELECT pg_backend_pid()", within(9s)))->at(0, 0));
  EXPECT_EQ(session->parameter_status("server_encoding"), "UTF8");
  EXPECT_EQ(session->parameter_status("nonsense"), "");
}

TEST_F(PostgresTest, AnErrorHasItsStateAndNotTheServersWords) {
  const auto session = open();
  const auto failed = session->query("SELECT 'hunter2'::int", within(9s));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::database_query);
  EXPECT_EQ(failed.error().parameter("sqlstate"), "22P02");
  EXPECT_EQ(words(failed.error()).find("hunter2"), std::string::npos);
  EXPECT_TRUE(session->query("SELECT 1", within(9s))) << "the session goes on";
}

TEST_F(PostgresTest, AnErrorInALaterStatementFailsTheCall) {
  const auto session = open();
  EXPECT_EQ(session->query("SELECT 1; SELECT 1/0", within(9s)).error().parameter("sqlstate"),
            "22012");
}

TEST_F(PostgresTest, StreamsACopyRowByRow) {
  const auto session = open();
  size_t rows = 0;
  size_t bytes = 0;
  const auto copied = session->copy_out(
      "COPY (SELECT n, repeat('x', 100) FROM generate_series(1, 100000) n) TO STDOUT",
      [&](std::string_view row) {
        ++rows;
        bytes += row.size();
        return row.ends_with('\n');
      },
      within(30s));
  ASSERT_TRUE(copied) << words(copied.error());
  EXPECT_EQ(rows, 100000U);
  EXPECT_EQ(bytes, 100000U * 102 + 488895U);
  EXPECT_TRUE(session->query("SELECT 1", within(9s)));
}

TEST_F(PostgresTest, AReaderThatHasEnoughEndsTheCopy) {
  const auto session = open();
  int rows = 0;
  const auto copied = session->copy_out(
      "COPY (SELECT generate_series(1, 100000000)) TO STDOUT",
      [&](std::string_view) { return ++rows < 10; }, within(30s));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code(), ErrorCode::cancelled);
  EXPECT_EQ(rows, 10);
  EXPECT_EQ(session->query("SELECT 1", within(9s)).error().code(), ErrorCode::database_unreachable);
}

TEST_F(PostgresTest, AFailureInMidCopyIsAnError) {
  const auto session = open();
  const auto copied = session->copy_out(
      "COPY (SELECT 1 / (50000 - n) FROM generate_series(1, 100000) n) TO STDOUT",
      [](std::string_view) { return true; }, within(30s));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().parameter("sqlstate"), "22012");
  EXPECT_TRUE(session->query("SELECT 1", within(9s)));
}

TEST_F(PostgresTest, CopyOutRefusesOtherStatements) {
  const auto never = [](std::string_view) { return true; };
  EXPECT_EQ(open()->copy_out("SELECT 1", never, within(9s)).error().code(),
            ErrorCode::internal_error);
  EXPECT_EQ(open()->copy_out("NONSENSE", never, within(9s)).error().parameter("sqlstate"), "42601");
  EXPECT_FALSE(open()->query("COPY (SELECT 1) TO STDOUT", within(9s)));
  EXPECT_FALSE(open()->query("COPY pg_am FROM STDIN", within(9s)));
}

TEST_F(PostgresTest, RefusesAnAnswerThatIsTooLarge) {
  const auto session = open();
  const auto rows =
      session->query("SELECT repeat('x', 1000000) FROM generate_series(1, 1000)", within(60s));
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code(), ErrorCode::limit_exceeded);
}

TEST_F(PostgresTest, CancelsAStatementAtItsDeadline) {
  const auto session = open(cluster->named_dsn(), "vigie-deadline");
  const testing::ProcessWatch backend(session->backend_pid());
  const auto slow = session->query("SELECT pg_sleep(1000)", within(100ms));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code(), ErrorCode::database_timeout);
  EXPECT_TRUE(backend.ends_within(10s));
  EXPECT_EQ(session->query("SELECT 1", within(9s)).error().code(), ErrorCode::database_unreachable);
}

TEST_F(PostgresTest, CancelsAStatementOnAStop) {
  const auto session = open();
  const testing::ProcessWatch backend(session->backend_pid());
  std::stop_source source;
  std::jthread stopper([&] {
    while (cluster->value("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query "
                          "LIKE 'SELECT pg_sleep(2000)%'") == "0") {
    }
    source.request_stop();
  });
  const auto slow = session->query("SELECT pg_sleep(2000)", within(30s, source.get_token()));
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code(), ErrorCode::cancelled);
  EXPECT_TRUE(backend.ends_within(10s));
}

TEST_F(PostgresTest, StopsACopyThatNeverPauses) {
  const auto session = open();
  std::stop_source source;
  const auto copied = session->copy_out(
      "COPY (SELECT generate_series(1, 2000000000)) TO STDOUT",
      [&](std::string_view) { return source.request_stop(), true; },
      within(60s, source.get_token()));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code(), ErrorCode::cancelled);
}

TEST_F(PostgresTest, GivesUpABackendThatIsStopped) {
  const auto session = open(cluster->named_dsn(), "vigie-stopped");
  const pid_t backend = session->backend_pid();
  ASSERT_EQ(cluster->signal_backends("vigie-stopped", SIGSTOP), 1);
  ASSERT_TRUE(testing::reaches_state(backend, 'T'));
  const auto began = MonoTime::clock::now();
  const auto rows = session->query("SELECT 1", within(200ms));
  ::kill(backend, SIGCONT);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code(), ErrorCode::database_timeout);
  EXPECT_LT(MonoTime::clock::now() - began, 5s);
}

TEST_F(PostgresTest, GivesUpAPostmasterThatIsStopped) {
  const auto session = open();
  cluster->signal_postmaster(SIGSTOP);
  ASSERT_TRUE(testing::reaches_state(cluster->postmaster_pid(), 'T'));
  const auto began = MonoTime::clock::now();
  EXPECT_EQ(refusal(cluster->named_dsn(), 200ms), ErrorCode::database_timeout);
  // A session that is there goes on; its cancel request finds nobody, and is given up.
  EXPECT_TRUE(session->query("SELECT 1", within(9s)));
  EXPECT_EQ(session->query("SELECT pg_sleep(1000)", within(100ms)).error().code(),
            ErrorCode::database_timeout);
  EXPECT_LT(MonoTime::clock::now() - began, 8s);
  cluster->signal_postmaster(SIGCONT);
}

TEST_F(PostgresTest, AStopEndsAnAttemptToConnect) {
  cluster->signal_postmaster(SIGSTOP);
  std::stop_source source;
  source.request_stop();
  const auto session =
      make_pg_connector()->connect(cluster->named_dsn(), "x", within(60s, source.get_token()));
  cluster->signal_postmaster(SIGCONT);
  EXPECT_EQ(session.error().code(), ErrorCode::cancelled);
}

TEST_F(PostgresTest, GivesUpASocketThatNeverAnswers) {
  const Descriptor silent(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (folder / ".s.PGSQL.5432").c_str());
  ASSERT_EQ(::bind(silent.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(silent.get(), 5), 0);
  const std::string hung = "host=" + folder.path().string();
  EXPECT_EQ(refusal({"hung", hung + " dbname=x user=x", ""}, 200ms), ErrorCode::database_timeout);
  // The next host of the list gets its share of the time.
  const Dsn both{
      "both",
      hung + "," + cluster->socket_folder().string() + " port=5432 dbname=postgres user=postgres",
      ""};
  const auto session = make_pg_connector()->connect(both, "x", within(4s));
  EXPECT_TRUE(session) << words(session.error());
}

TEST_F(PostgresTest, TellsWhyNobodyAnswers) {
  const auto nobody = make_pg_connector()->connect(
      {"app", "host=" + folder.path().string() + " dbname=x user=x", ""}, "x", within(9s));
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), ErrorCode::database_unreachable);
  EXPECT_EQ(nobody.error().parameter("reason"), "No such file or directory");
  EXPECT_EQ(refusal({"app", "host=127.0.0.1 port=1 user=x", ""}), ErrorCode::database_unreachable);
  EXPECT_EQ(refusal({"app", "host=nowhere.invalid user=x", ""}), ErrorCode::database_unreachable);
  EXPECT_EQ(refusal({"app", "nonsense password=hunter2", ""}), ErrorCode::database_unreachable);
}

TEST_F(PostgresTest, LogsInWithThePasswordOfAFileAsItIsNow) {
  Dsn dsn = cluster->named_dsn("postgres", "app");
  dsn.password_file = secret("wrong\n").string();
  const auto wrong = make_pg_connector()->connect(dsn, "x", within(9s));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), ErrorCode::database_authentication);
  EXPECT_EQ(wrong.error().parameter("sqlstate"), "28P01");
  (void)secret("s3cr:t\\x\n");
  EXPECT_TRUE(make_pg_connector()->connect(dsn, "x", within(9s)));
}

TEST_F(PostgresTest, TellsThatAPasswordIsMissing) {
  EXPECT_EQ(refusal(cluster->named_dsn("postgres", "app")), ErrorCode::database_authentication);
  EXPECT_EQ(refusal(cluster->named_dsn("postgres", "nobody")), ErrorCode::database_authentication);
  Dsn dsn = cluster->named_dsn("postgres", "app");
  dsn.password_file = (folder / "missing").string();
  EXPECT_EQ(refusal(dsn), ErrorCode::secret_file_missing);
  dsn.password_file = secret("x").string();
  ::chmod(dsn.password_file.c_str(), 0644);
  EXPECT_EQ(refusal(dsn), ErrorCode::secret_file_mode);
}

TEST_F(PostgresTest, TellsThatTheDatabaseIsGone) {
  EXPECT_EQ(refusal(cluster->named_dsn("nowhere")), ErrorCode::database_missing);
  cluster->create_database("dropped");
  const auto session = open(cluster->named_dsn("dropped"));
  cluster->execute("DROP DATABASE dropped WITH (FORCE)");
  EXPECT_EQ(session->query("SELECT 1", within(9s)).error().code(), ErrorCode::database_unreachable);
  EXPECT_EQ(refusal(cluster->named_dsn("dropped")), ErrorCode::database_missing);
}

TEST_F(PostgresTest, TellsThatTheServerDied) {
  PgCluster other;
  const auto session = open(other.named_dsn());
  std::jthread killer([&] {
    while (other.value("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%sleep(3000)' AND "
                       "pid <> pg_backend_pid()") == "0") {
    }
    other.kill9();
  });
  const auto rows = session->query("SELECT pg_sleep(3000)", within(30s));
  EXPECT_EQ(rows.error().code(), ErrorCode::database_unreachable);
}

TEST_F(PostgresTest, ClientProgramsGetThePasswordByAFileOnly) {
  Dsn dsn = cluster->named_dsn("postgres", "app");
  dsn.password_file = secret("s3cr:t\\x").string();
  const auto access = client_access(dsn, folder.path().string(), "vigie-run");
  ASSERT_TRUE(access) << words(access.error());
  for (const auto& [name, value] : access->environment) {
    EXPECT_NE(name, "PGPASSWORD");
    EXPECT_EQ(value.find("s3cr"), std::string::npos);
  }
  struct stat st {};
  ASSERT_EQ(::stat((folder / "pgpass").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
  testing::LinePipe lines;
  Command psql;
  psql.program = cluster->bindir() / "psql";
  psql.arguments = {"-XAtqc", "SELECT current_user || ' ' || current_setting('application_name')"};
  psql.environment = access->environment;
  psql.output = lines.writing_end();
  const auto end = run_to_end(*make_process_runner(), psql, MonoTime::clock::now() + 30s, {});
  ASSERT_TRUE(end && end->status == 0) << end->error_text;
  EXPECT_EQ(lines.line(), "app vigie-run");
}

TEST_F(PostgresTest, APasswordInTheConnectionStringItselfStaysOutOfTheEnvironment) {
  const auto access = client_access({"app", "host=/tmp user=app password=hunter2", ""},
                                    folder.path().string(), "x");
  ASSERT_TRUE(access);
  for (const auto& [name, value] : access->environment) EXPECT_NE(value, "hunter2");
  EXPECT_EQ(access->conninfo, "");
}

TEST_F(PostgresTest, WhatHasNoVariableGoesByTheConnectionString) {
  const auto access = client_access(
      {"app", "host=/tmp user=app sslpassword=hunter2 keepalives_idle=60 tcp_user_timeout=30000",
       ""},
      folder.path().string(), "x");
  ASSERT_TRUE(access);
  EXPECT_EQ(access->conninfo, "keepalives_idle='60' tcp_user_timeout='30000'");
}

TEST_F(PostgresTest, QuotesAsTheServerReads) {
  const auto session = open();
  for (const std::string text : {"plain", "o'brien", "back\\slash\\'", "\"", "new\nline", "é"}) {
    const auto rows = session->query(
        "SELECT " + quote_literal(text) + " AS " + quote_identifier("c " + text), within(9s));
    ASSERT_TRUE(rows) << text;
    EXPECT_EQ((*rows)->at(0, 0), text);
  }
}

}  // namespace
}  // namespace vigie::platform
