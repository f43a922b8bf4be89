// A restore for real, by the real binary: into another database, over the one that there is, and
// everything that must keep it from doing harm.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/recovery_card_steps.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// What the rows must survive: every kind of value, names that must be quoted, tables without
// columns, a view, large objects, policies, and what belongs to the database alone.
constexpr char kSource[] = R"(
  CREATE TYPE mood AS ENUM ('glad', 'sad');
  CREATE TABLE plain(id int PRIMARY KEY, gone text, at timestamptz, m mood, tags int[], b bytea, n numeric,
                     price money, doubled int GENERATED ALWAYS AS (id * 2) STORED);
  INSERT INTO plain SELECT g, E'x', now(), 'sad', ARRAY[g], sha256(g::text::bytea), g / 7.0, g
    FROM generate_series(1, 2000) g;
  ALTER TABLE plain DROP COLUMN gone;
  ALTER TABLE plain OWNER TO "own""er; é";
  CREATE SCHEMA "odd ""schema";
  CREATE TABLE "odd ""schema"."na""me é
2"(i int REFERENCES plain);
  INSERT INTO "odd ""schema"."na""me é
2" VALUES (1), (NULL);
  CREATE TABLE nothing();
  INSERT INTO nothing DEFAULT VALUES;
  CREATE TABLE parts(id int, at date) PARTITION BY RANGE (at);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO parts SELECT g, date '2026-01-01' + g FROM generate_series(1, 300) g;
  ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON plain USING (id < 10);
  CREATE VIEW seen AS SELECT count(*) FROM plain;
  SELECT lo_from_bytea(0, 'large object');
  ALTER DATABASE app SET work_mem = '7MB';
  ALTER ROLE "own""er; é" IN DATABASE app SET statement_timeout = '9s';
  REVOKE CONNECT ON DATABASE app FROM PUBLIC;
  COMMENT ON DATABASE app IS 'what; it is';
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO pg_monitor;
  ALTER DATABASE app OWNER TO "own""er; é";
)";

constexpr char kProperties[] = R"(
  SELECT concat_ws('|', pg_get_userbyid(datdba), datcollate, datctype, (SELECT string_agg(acl::text, ' ' ORDER BY acl::text) FROM unnest(datacl) acl),
    shobj_description(oid, 'pg_database'),
    (SELECT string_agg(setconfig::text, ' ' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid))
  FROM pg_database d WHERE datname = ')";

class RestoreTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<PgCluster>();
    server_->execute("CREATE ROLE \"own\"\"er; é\" LOGIN");
    server_->create_database("app");
    server_->execute(kSource, "app");
    if (server_->major() >= 15)  // the first whose pg_dump tells it
      server_->execute("ALTER SCHEMA public OWNER TO \"own\"\"er; é\"", "app");
    first_ = std::make_unique<VigieHost>();
    first_->configure(server_->dsn("app"), {});
    const Ran ran = first_->run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  static void TearDownTestSuite() {
    first_.reset();
    server_.reset();
  }
  RestoreTest() {
    host_.configure(server_->dsn("app"), {});
    host_.copy_from(*first_);
  }
  ~RestoreTest() override {
    for (const char* name : {"copy", "partly", "lost"})
      server_->execute(fmt::format("DROP DATABASE IF EXISTS {} WITH (FORCE)", name));
  }

  Ran restore(std::vector<std::string> more, const PgCluster& server = *server_,
              const std::string& database = "copy") {
    std::vector<std::string> words{"restore", "run",  "--backup",
                                   "latest",  "--to", server.dsn(database)};
    words.insert(words.end(), more.begin(), more.end());
    return host_.run(words);
  }
  // From now on a database of this test's own is backed up, and one backup of it is there.
  void configure_source(const std::string& database, const std::string& sql) {
    if (oid_of(database).empty()) server_->create_database(database);
    server_->execute(sql, database);
    host_.configure(server_->dsn(database), {});
    const Ran ran = host_.run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  static std::string oid_of(const std::string& database) {
    return server_->value("SELECT oid FROM pg_database WHERE datname = '" + database + "'");
  }
  static std::string databases(const PgCluster& server = *server_) {
    return server_value(server,
                        "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
  }
  static std::string server_value(const PgCluster& server, const std::string& sql) {
    return const_cast<PgCluster&>(server).value(sql);
  }
  static std::string properties(const std::string& database, PgCluster& server = *server_) {
    return server.value(kProperties + database + "'");
  }

  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
  static std::unique_ptr<VigieHost> first_;
};

std::unique_ptr<PgCluster> RestoreTest::server_;
std::unique_ptr<VigieHost> RestoreTest::first_;

TEST_F(RestoreTest, IntoADatabaseThatIsNotThereYet) {
  const Ran ran = restore({});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err << host_.log();
  EXPECT_EQ(dump_as_sql(*server_, "copy"), dump_as_sql(*server_, "app"));
  EXPECT_EQ(properties("copy"), properties("app")) << "what belongs to the database alone";
  EXPECT_EQ(databases(), "app copy postgres template0 template1");
  const Ran list = host_.run({"restore", "list", "-o", "json"});
  EXPECT_THAT(list.out, HasSubstr("\"passed\""));
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
}

TEST_F(RestoreTest, IntoAnotherServerWithItsRoles) {
  PgCluster other;
  const Ran without = restore({}, other);
  EXPECT_EQ(without.status, 3) << without.out << without.err;
  EXPECT_THAT(without.out + without.err, HasSubstr("restore_role_missing"));
  EXPECT_EQ(databases(other), "postgres template0 template1") << "nothing is left";
  const Ran ran = restore({"--globals"}, other);
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(dump_as_sql(other, "copy"), dump_as_sql(*server_, "app"));
  EXPECT_EQ(properties("copy", other), properties("app"));
}

TEST_F(RestoreTest, WithoutOwnersWhereTheRolesAreNot) {
  PgCluster other;
  const Ran ran = restore({"--no-owner"}, other);
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(other.value("SELECT count(*) FROM plain", "copy"), "2000");
  EXPECT_EQ(other.value("SELECT tableowner FROM pg_tables WHERE tablename = 'plain'", "copy"),
            "postgres");
  EXPECT_EQ(other.value("SHOW work_mem", "copy"), "7MB") << "a setting of nobody's";
}

TEST_F(RestoreTest, ADatabaseThatHoldsSomethingStaysAsItIs) {
  server_->create_database("copy");
  server_->execute("CREATE TABLE precious AS SELECT 1 AS a", "copy");
  for (const auto& more : {std::vector<std::string>{}, {"--overwrite", "app"}}) {
    const Ran ran = restore(more);
    EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
    EXPECT_THAT(ran.out + ran.err, HasSubstr("restore_target_in_use"));
    EXPECT_EQ(server_->value("SELECT a FROM precious", "copy"), "1");
  }
  EXPECT_EQ(databases(), "app copy postgres template0 template1");
}

// Its tables may hold rows that nobody else knows of.
TEST_F(RestoreTest, ADatabaseWithAnExtensionIsNotEmpty) {
  server_->create_database("copy");
  server_->execute("CREATE EXTENSION citext", "copy");
  EXPECT_THAT(restore({}).err, HasSubstr("restore_target_in_use"));
  EXPECT_EQ(server_->value("SELECT count(*) FROM pg_extension", "copy"), "2");
}

// All definitions and no row would take the place of what was there.
TEST_F(RestoreTest, ATableThatIsMistypedReplacesNothing) {
  server_->create_database("copy");
  server_->execute("CREATE TABLE precious AS SELECT 1 AS a", "copy");
  for (const char* name : {"public.plian", "public.parts", "plain"}) {
    const Ran ran = restore({"--overwrite", "copy", "--table", name});
    EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("restore_table_unknown"));
  }
  EXPECT_EQ(server_->value("SELECT a FROM precious", "copy"), "1");
}

TEST_F(RestoreTest, ADatabaseThatIsNamedIsReplacedWhoeverIsInIt) {
  server_->create_database("copy");
  server_->execute("CREATE TABLE precious AS SELECT 1 AS a", "copy");
  const auto session = server_->lock_table("precious", "copy");
  const Ran ran = restore({"--overwrite", "copy", "--rename"});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(server_->value("SELECT count(*) FROM plain", "copy"), "2000");
  const std::string kept =
      server_->value("SELECT datname FROM pg_database WHERE datname LIKE 'copy_before_%'");
  EXPECT_EQ(server_->value("SELECT a FROM precious", kept), "1");
  EXPECT_THAT(ran.out, HasSubstr(kept));
  server_->execute(fmt::format("DROP DATABASE \"{}\"", kept));
  const Ran again = restore({"--overwrite", "copy"});
  ASSERT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_EQ(databases(), "app copy postgres template0 template1") << "nothing is kept this time";
}

TEST_F(RestoreTest, TheSourceItselfIsNotReplacedUnlessItIsNamed) {
  const Ran ran = restore({}, *server_, "app");
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("restore_target_is_source"));
  server_->execute("INSERT INTO nothing DEFAULT VALUES", "app");
  const Ran named = restore({"--overwrite", "app"}, *server_, "app");
  ASSERT_EQ(named.status, 0) << named.out << named.err;
  EXPECT_EQ(server_->value("SELECT count(*) FROM nothing", "app"), "1") << "as it was backed up";
}

// Whoever has lost its tables may still be looking for them there.
TEST_F(RestoreTest, TheSourceThatIsEmptyNowIsNotReplacedUnlessItIsNamed) {
  configure_source("lost", "CREATE TABLE t AS SELECT 1 AS a");
  server_->execute("DROP TABLE t", "lost");
  const std::string oid = oid_of("lost");
  const Ran ran = restore({}, *server_, "lost");
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("restore_target_is_source"));
  EXPECT_EQ(oid_of("lost"), oid);
  EXPECT_EQ(server_->value("SELECT to_regclass('public.t') IS NULL", "lost"), "t");
  EXPECT_EQ(databases(), "app lost postgres template0 template1");
  const Ran named = restore({"--overwrite", "lost"}, *server_, "lost");
  ASSERT_EQ(named.status, 0) << named.out << named.err;
  EXPECT_EQ(server_->value("SELECT a FROM t", "lost"), "1");
}

TEST_F(RestoreTest, ADatabaseKeepsItsEncodingAndItsCollation) {
  server_->execute(
      "CREATE DATABASE lost ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  configure_source("lost", "CREATE TABLE t AS SELECT chr(233) AS a");
  const Ran ran = restore({});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(server_->value("SELECT concat_ws(' ', pg_encoding_to_char(encoding), datcollate, "
                           "datctype) FROM pg_database WHERE datname = 'copy'"),
            "LATIN1 C C");
  EXPECT_EQ(server_->value("SELECT encode(convert_to(a, 'LATIN1'), 'hex') FROM t", "copy"), "e9");
}

TEST_F(RestoreTest, TheRowsOfSomeTablesAlone) {
  const Ran ran = restore({"--table", "public.parts_1"}, *server_, "partly");
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(server_->value("SELECT count(*) FROM parts", "partly"), "300");
  EXPECT_EQ(server_->value("SELECT count(*) FROM plain", "partly"), "0");
}

TEST_F(RestoreTest, ADamagedBackupTouchesNothing) {
  const std::string id = *host_.stored().begin();
  const auto toc = host_.store() / "nightly" / id / "dump" / "toc.dat.zst";
  std::string text = contents(toc);
  text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 1);
  ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), toc, text));
  const Ran ran = restore({});
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("artefact_"));
  EXPECT_EQ(databases(), "app postgres template0 template1");
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
  EXPECT_THAT(host_.run({"restore", "list", "-o", "json"}).out, HasSubstr("\"failed\""));
}

TEST_F(RestoreTest, OneWhoseStoreIsAwayIsRecordedAndItsTimeSaysNothing) {
  const std::string id = *host_.stored().begin();
  ASSERT_EQ(restore({}).status, 0);
  const auto last = [&] {
    const Ran plan =
        host_.run({"restore", "plan", "--backup", id, "--to", server_->dsn("more"), "-o", "json"});
    return parse_json(plan.out)->at("result").at("last_restore_s");
  };
  const json::value took = last();
  EXPECT_TRUE(took.is_number());
  const std::filesystem::path away = host_.store().string() + ".away";
  std::filesystem::rename(host_.store(), away);
  EXPECT_EQ(host_.run({"restore", "run", "--backup", id, "--to", server_->dsn("more")}).status, 3);
  std::filesystem::rename(away, host_.store());
  EXPECT_THAT(host_.run({"restore", "list", "-o", "json"}).out, HasSubstr("store_unreachable"));
  EXPECT_EQ(last(), took);
}

// All but the name was done; what is in use stays, and what is left is told by the next one.
TEST_F(RestoreTest, ARestoreThatIsKilledChangesNothingAndTheNextOneTellsWhatItLeft) {
  server_->create_database("copy");
  const Ran killed =
      host_.run({"restore", "run", "--backup", "latest", "--to", server_->dsn("copy")},
                {{"VIGIE_FAILPOINTS", "proof.restore.compared=kill"}});
  ASSERT_TRUE(killed.killed()) << killed.out << killed.err;
  EXPECT_EQ(server_->value("SELECT count(*) FROM pg_class WHERE relname = 'plain'", "copy"), "0");
  const std::string left =
      server_->value("SELECT datname FROM pg_database WHERE datname LIKE 'vigie_restore%'");
  ASSERT_NE(left, "");
  const Ran next = restore({});
  EXPECT_EQ(next.status, 0) << next.out << next.err;
  EXPECT_THAT(next.out, HasSubstr(left));
  EXPECT_THAT(host_.run({"evidence", "list", "--kind", "restore", "-o", "json"}).out,
              HasSubstr(left));
  server_->execute("DROP DATABASE " + left);
}

// Nothing of the host that made it is there but the folder of the store.
TEST_F(RestoreTest, OnABareMachineFromTheFolderAlone) {
  const TempFolder bare;
  PgCluster other;
  VigieHost stranger;
  const auto from = [&](const std::filesystem::path& folder, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"restore",
                                   "run",
                                   "--from",
                                   folder.string(),
                                   "--globals",
                                   "--to",
                                   other.dsn("copy"),
                                   "--work-dir",
                                   bare.path().string(),
                                   "--bindir",
                                   pg_bindir().string()};
    words.insert(words.end(), more.begin(), more.end());
    return stranger.run(words);
  };
  const Ran ran = from(host_.store());
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(dump_as_sql(other, "copy"), dump_as_sql(*server_, "app"));
  EXPECT_EQ(properties("copy", other), properties("app"));
  EXPECT_TRUE(std::filesystem::is_empty(bare.path()));
  EXPECT_FALSE(std::filesystem::exists(stranger.state())) << "it made no state";

  const std::string id = *host_.stored().begin();
  for (const auto& folder : {host_.store() / "nightly", host_.store() / "nightly" / id}) {
    const Ran again = from(folder, {"--overwrite", "copy"});
    EXPECT_EQ(again.status, 0) << again.out << again.err;
  }
  EXPECT_EQ(from(host_.folder()).status, 2) << "no artefact lies there";
  EXPECT_EQ(from(host_.store(), {"--backup", "weekly"}).status, 2);
}

TEST_F(RestoreTest, ProgramsThatAreNotOfTheServersMajorAreNotTaken) {
  const TempFolder bin;
  for (const char* name : {"pg_dump", "pg_dumpall", "pg_restore", "psql"}) {
    std::ofstream(bin / name) << "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n";
    std::filesystem::permissions(bin / name, std::filesystem::perms::owner_all);
  }
  VigieHost stranger;
  for (const std::string& folder : {bin.path().string(), std::string("/nowhere")}) {
    const Ran ran = stranger.run({"restore", "run", "--from", host_.store().string(), "--to",
                                  server_->dsn("copy"), "--bindir", folder});
    EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("client_missing"));
  }
}

TEST_F(RestoreTest, AServerThatIsAwaySaysNothingOfTheBackupElsewhereEither) {
  VigieHost stranger;
  const Ran ran = stranger.run({"restore", "run", "--from", host_.store().string(), "--to",
                                "host=/nowhere dbname=copy user=x"});
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("database_unreachable"));
}

std::vector<std::string> roles_in(const std::string& plan, std::string_view key) {
  std::vector<std::string> roles;
  const auto document = parse_json(plan);
  for (const json::value& one : document->at("result").at(key).as_array())
    roles.emplace_back(one.as_string());
  return roles;
}

TEST_F(RestoreTest, ThePlanSaysWhatWouldBeAndChangesNothing) {
  PgCluster other;
  const auto plan = [&](const PgCluster& server, const std::string& database,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{
        "restore", "plan", "--backup", "latest", "--to", server.dsn(database), "-o", "json"};
    words.insert(words.end(), more.begin(), more.end());
    const Ran ran = host_.run(words);
    EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
    return ran.out;
  };
  EXPECT_THAT(plan(*server_, "copy"), HasSubstr("\"will\": \"make\""));
  const std::string refused = plan(*server_, "app");
  EXPECT_THAT(refused, HasSubstr("\"will\": \"refuse\""));
  EXPECT_THAT(refused, HasSubstr("restore_target_is_source"));
  EXPECT_THAT(roles_in(plan(other, "copy", {"--globals"}), "roles_to_make"),
              Contains("own\"er; é"));
  const std::string without = plan(other, "copy");
  EXPECT_THAT(roles_in(without, "roles_to_make"), IsEmpty());
  EXPECT_THAT(roles_in(without, "roles_missing"), Contains("own\"er; é"));
  EXPECT_EQ(databases(other), "postgres template0 template1");
  EXPECT_EQ(databases(), "app postgres template0 template1");
}

TEST_F(RestoreTest, WordsThatDoNotFitAreRefusedBeforeAnything) {
  const auto refused = [&](const std::vector<std::string>& words) {
    const Ran ran = host_.run(words);
    EXPECT_EQ(ran.status, 2) << ran.out << ran.err;
    return ran.out + ran.err;
  };
  EXPECT_THAT(refused({"restore", "run", "--backup", "latest"}), HasSubstr("--to"));
  EXPECT_THAT(refused({"restore", "run", "--backup", "latest", "--to", "host=/run"}),
              HasSubstr("dsn"));
  const std::string secret =
      refused({"restore", "run", "--backup", "latest", "--to", "dbname=x password=Canary-77"});
  EXPECT_THAT(secret, Not(HasSubstr("Canary")));
  EXPECT_THAT(refused({"restore", "run", "--backup", "weekly", "--to", server_->dsn("copy")}),
              HasSubstr("backup_not_found"));
}

}  // namespace
}  // namespace vigie::testing
