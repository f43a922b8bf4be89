#include "backup/dump.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <thread>

#include "artefact/verify.h"
#include "store/local/local_store.h"
#include "tests/support/contents.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using testing::PgCluster;
using testing::TempFolder;

PgCluster& cluster() {
  static PgCluster the_cluster;
  return the_cluster;
}

// A session for what the test itself asks.
class Session {
 public:
  explicit Session(const std::string& database)
      : connection_(platform::make_pg_connector()
                        ->connect(cluster().named_dsn(database), "the test", limits())
                        .value()) {}

  std::string value(const std::string& sql) {
    const auto rows = connection_->query(sql, limits());
    EXPECT_TRUE(rows) << sql;
    return rows && (*rows)->rows() > 0 ? std::string((*rows)->at(0, 0)) : "";
  }

  artefact::RowSummary copy(const std::string& table, const artefact::FingerprintKey& key) {
    artefact::RowCounter rows(key);
    EXPECT_TRUE(connection_->copy_out(
        "COPY " + table + " TO STDOUT",
        [&](std::string_view line) {
          rows.add(line);
          return true;
        },
        limits()));
    return rows.summary();
  }

 private:
  static CallLimits limits() { return {MonoTime::clock::now() + std::chrono::minutes(1), {}}; }
  std::unique_ptr<platform::PgConnection> connection_;
};

std::string quoted(const std::string& name) {
  return platform::quote_identifier(name);
}

std::vector<SourceTable> tables_of(Session& session) {
  std::vector<SourceTable> tables;
  const int count = std::stoi(session.value("SELECT count(*) FROM pg_class WHERE relkind = 'r'"));
  for (int i = 0; i < count; ++i) {
    const std::string row =
        " FROM pg_class WHERE relkind = 'r' ORDER BY oid OFFSET " + std::to_string(i) + " LIMIT 1";
    tables.push_back({static_cast<uint32_t>(std::stoul(session.value("SELECT oid" + row))),
                      session.value("SELECT relnamespace::regnamespace" + row),
                      session.value("SELECT relname" + row)});
  }
  return tables;
}

const BackupId kId{"nightly", "app",
                   SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20))};

class Dump : public ::testing::Test {
 protected:
  // A fresh database with `sql` in it.
  void fill(const std::string& sql) {
    static int number = 0;
    database_ = "db" + std::to_string(++number);
    cluster().create_database(database_);
    cluster().execute(sql, database_);
    session_ = std::make_unique<Session>(database_);
    session_->value("BEGIN ISOLATION LEVEL REPEATABLE READ");
    request_.snapshot = session_->value("SELECT pg_export_snapshot()");
    request_.dsn = cluster().named_dsn(database_);
    request_.clients = {cluster().bindir()};
    request_.application_name = "run" + std::to_string(number);
    request_.row_settings = {"UTF8", session_->value("SHOW lc_monetary")};
    request_.fingerprint_key = artefact::new_fingerprint_key();
    request_.staging = folder_ / "staging";
    request_.tables = tables_of(*session_);
    ASSERT_TRUE(platform::real_file_system().create_folder(request_.staging));
  }

  Result<DumpResult> dump() {
    auto writer = store_->begin(kId);
    EXPECT_TRUE(writer);
    writer_ = std::move(*writer);
    const DumpTools tools{*runner_, clock_, progress_};
    return take_dump(request_, tools, *writer_, {deadline_, stop_.get_token()});
  }

  const artefact::TableEntry* table(const DumpResult& result, const std::string& name) {
    const auto found = std::ranges::find(result.tables, name, &artefact::TableEntry::name);
    EXPECT_NE(found, result.tables.end()) << name;
    return found == result.tables.end() ? nullptr : &*found;
  }

  int sessions_of_the_run() {
    return std::stoi(Session("postgres")
                         .value("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" +
                                request_.application_name + "'"));
  }

  TempFolder folder_;
  platform::RealClock clock_;
  std::unique_ptr<platform::ProcessRunner> runner_ = platform::make_process_runner();
  std::unique_ptr<store::Store> store_ =
      store::make_local_store(platform::real_file_system(), "local", folder_ / "artefacts");
  std::unique_ptr<store::ArtefactWriter> writer_;
  std::unique_ptr<Session> session_;
  std::string database_;
  DumpRequest request_;
  std::function<void(const DumpProgress&)> progress_;
  std::stop_source stop_;
  MonoTime deadline_ = MonoTime::max();
};

TEST_F(Dump, IsInTheDatabasesEncodingWhateverTheRolesIs) {
  fill(R"(
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET client_encoding = latin1', current_database()); END $$;
    CREATE TABLE t AS SELECT 'é'::text AS t;
  )");
  const auto result = dump();
  ASSERT_TRUE(result) << result.error().detail(Audience::operators);
  const auto* t = table(*result, "t");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->rows, session_->copy("public.t", request_.fingerprint_key));
}

TEST_F(Dump, HasTheRowsAndFingerprintsThatTheSourceHas) {
  fill(R"(
    CREATE TABLE plain(id int, t text, at timestamptz, f float8, b bytea, i interval, m money);
    INSERT INTO plain SELECT g, 'row ' || g, '2026-03-29 01:30+00'::timestamptz + g * '1 hour'::interval,
      g / 3.0, decode(md5(g::text), 'hex'), g * '1 day 3 hours'::interval, g FROM generate_series(1, 3000) g;
    CREATE TABLE empty(i int);
    CREATE TABLE no_columns();
    INSERT INTO no_columns DEFAULT VALUES;
    INSERT INTO no_columns DEFAULT VALUES;
    CREATE TABLE traps(t text);
    INSERT INTO traps VALUES ('\.'), (E'a\nb'), (NULL), (E'\\.\n'), (''), (E'\r\n\t');
    CREATE SCHEMA "odd ""schema""";
    CREATE TABLE "odd ""schema"""."new
line; 0 1 TABLE DATA é"(i int);
    INSERT INTO "odd ""schema"""."new
line; 0 1 TABLE DATA é" VALUES (1), (1);
    CREATE TABLE parted(i int) PARTITION BY RANGE (i);
    CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
    INSERT INTO parted SELECT generate_series(0, 9);
    CREATE MATERIALIZED VIEW unfilled AS SELECT 1 WITH NO DATA;
  )");
  const auto result = dump();
  ASSERT_TRUE(result) << result.error().detail(Audience::operators);
  EXPECT_EQ(result->tables.size(), 6U);
  Session source(database_);
  source.value(artefact::row_settings_sql(request_.row_settings));
  for (const artefact::TableEntry& one : result->tables) {
    const std::string name = one.schema == "public" || one.schema.starts_with('"')
                                 ? one.schema + "." + quoted(one.name)
                                 : quoted(one.schema) + "." + quoted(one.name);
    EXPECT_EQ(one.rows, source.copy(name, request_.fingerprint_key)) << name;
  }
  EXPECT_EQ(table(*result, "plain")->rows.rows, 3000U);
  EXPECT_EQ(table(*result, "no_columns")->rows.rows, 2U);
  EXPECT_EQ(table(*result, "new\nline; 0 1 TABLE DATA é")->rows.rows, 2U);
}

TEST_F(Dump, LeavesNoBytesButTheTableOfContentsInStaging) {
  fill("CREATE TABLE t AS SELECT generate_series(1, 10) i");
  ASSERT_TRUE(dump());
  std::vector<std::string> left;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(request_.staging)) {
    if (entry.is_regular_file() && entry.file_size() > 0) left.push_back(entry.path().filename());
  }
  EXPECT_THAT(left, ::testing::ElementsAre("toc.dat"));
}

TEST_F(Dump, SealsLargeObjectsEachAsAFile) {
  fill("SELECT lo_from_bytea(0, decode(repeat('ab', 5000), 'hex')) FROM generate_series(1, 30)");
  const auto result = dump();
  ASSERT_TRUE(result) << result.error().detail(Audience::operators);
  EXPECT_EQ(std::ranges::count(result->files, artefact::FileKind::blob, &artefact::FileEntry::kind),
            30);
  EXPECT_EQ(
      std::ranges::count(result->files, artefact::FileKind::blobs_toc, &artefact::FileEntry::kind),
      1);
}

TEST_F(Dump, RefusesMoreLargeObjectsThanTheLimit) {
  fill("SELECT lo_from_bytea(0, 'x') FROM generate_series(1, 30)");
  request_.limits.large_objects = 29;
  const auto result = dump();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::large_objects_limit);
}

TEST_F(Dump, RefusesMoreTablesThanTheLimit) {
  fill("CREATE TABLE a(i int); CREATE TABLE b(i int)");
  request_.limits.tables = 1;
  const auto result = dump();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::tables_limit);
}

TEST_F(Dump, HoldsTheClusterRolesWithoutPasswords) {
  fill("CREATE ROLE with_secret LOGIN PASSWORD 'canary-7c1'");
  const auto result = dump();
  ASSERT_TRUE(result);
  ASSERT_TRUE(writer_->publish("{}\n"));
  const std::string command = "zstd -dc " +
                              (store_->artefact_path(kId) / "globals.sql.zst").string() + " > " +
                              (folder_ / "globals").string();
  ASSERT_EQ(std::system(command.c_str()), 0);
  const std::string text = testing::contents(folder_ / "globals");
  EXPECT_THAT(text, ::testing::HasSubstr("CREATE ROLE with_secret"));
  EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("SCRAM")));
  cluster().execute("DROP ROLE with_secret");
}

TEST_F(Dump, ALargeRowIsOneRow) {
  fill("CREATE TABLE t AS SELECT repeat('0123456789', 6000000) x");
  request_.limits.ahead = 16_MiB;
  const auto result = dump();
  ASSERT_TRUE(result) << result.error().detail(Audience::operators);
  EXPECT_EQ(result->tables.front().rows.rows, 1U);
}

TEST_F(Dump, TellsALockTimeoutFromOtherErrors) {
  fill("CREATE TABLE t(i int)");
  Session other(database_);
  other.value("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE");
  request_.lock_wait_timeout = std::chrono::milliseconds(200);
  const auto result = dump();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::lock_wait_timeout);
}

TEST_F(Dump, TellsADatabaseThatDoesNotExist) {
  fill("");
  request_.dsn = cluster().named_dsn("nowhere");
  const auto result = dump();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::dump_failed);
  EXPECT_EQ(result.error().parameter("reason"), "something that it names is not there");
}

TEST_F(Dump, TellsASnapshotThatIsGone) {
  fill("CREATE TABLE t(i int)");
  session_->value("ROLLBACK");
  const auto result = dump();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::dump_failed);
  EXPECT_EQ(result.error().parameter("reason"), "the snapshot is gone");
}

// Runs the dump until it waits for a lock, then does something to it.
class WaitingDump : public Dump {
 protected:
  Result<DumpResult> dump_while(const std::function<void()>& trouble) {
    Session other(database_);
    other.value("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE");
    std::jthread troublemaker([&](const std::stop_token& ended) {
      Session watching("postgres");
      const std::string waiting =
          "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND "
          "application_name = '" +
          request_.application_name + "'";
      while (!ended.stop_requested() && watching.value(waiting) == "0") {
      }
      trouble();
    });
    return dump();
  }
  void expect_no_session() {
    Session watching("postgres");
    const auto patience = clock_.monotonic() + std::chrono::seconds(10);
    while (sessions_of_the_run() != 0 && clock_.monotonic() < patience) {
    }
    EXPECT_EQ(sessions_of_the_run(), 0);
  }
};

TEST_F(WaitingDump, IsCancelledAndLeavesNoSession) {
  fill("CREATE TABLE t(i int)");
  const auto result = dump_while([&] { stop_.request_stop(); });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::cancelled);
  expect_no_session();
}

TEST_F(WaitingDump, EndsAtItsDeadline) {
  fill("CREATE TABLE t(i int)");
  deadline_ = clock_.monotonic() + std::chrono::seconds(1);
  const auto result = dump_while([] {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::deadline_exceeded);
  expect_no_session();
}

TEST_F(WaitingDump, FailsWhenItsSessionIsEnded) {
  fill("CREATE TABLE t(i int)");
  const auto result = dump_while([&] {
    cluster().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" +
        request_.application_name + "'");
  });
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::dump_failed);
  EXPECT_EQ(result.error().parameter("code"), "1");
}

TEST_F(Dump, AStoreThatIsFullEndsIt) {
  fill("CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 200000) g");
  testing::FaultyFileSystem files(folder_ / "disk");
  store_ = store::make_local_store(files, "full", folder_ / "disk" / "artefacts");
  files.fail_from(6, testing::Fault::disk_full);
  const auto result = dump();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::disk_full);
}

}  // namespace
}  // namespace vigie::backup
