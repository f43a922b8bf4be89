// A drill by the real binary: what passes, what each check catches, what a crash leaves, and what
// stands in the way.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/scratch_dir.h"
#include "tests/support/shared_memory.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Every kind of object that the inventory speaks of, and whatever a restore could lose.
constexpr char kSource[] = R"(
  CREATE TYPE mood AS ENUM ('glad', 'sad');
  CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);
  CREATE TABLE plain(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone text, at timestamptz DEFAULT now(),
                     m mood, share percent, doubled int GENERATED ALWAYS AS (share * 2) STORED);
  INSERT INTO plain(m, share) SELECT 'sad', g % 100 FROM generate_series(1, 2000) g;
  ALTER TABLE plain DROP COLUMN gone;
  CREATE INDEX by_share ON plain (share) WHERE m = 'sad';
  CREATE INDEX by_time ON plain (at);
  ALTER TABLE plain CLUSTER ON by_time;
  CREATE STATISTICS two ON m, share FROM plain;
  CREATE SCHEMA "odd ""schema" AUTHORIZATION clerk;
  CREATE TABLE "odd ""schema"."na""me é
2"(i int REFERENCES plain);
  INSERT INTO "odd ""schema"."na""me é
2" VALUES (1), (NULL);
  CREATE TABLE nothing();
  INSERT INTO nothing DEFAULT VALUES;
  CREATE TABLE parts(id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  CREATE TABLE line_of_parts(id int, at date, FOREIGN KEY (id, at) REFERENCES parts);
  INSERT INTO parts SELECT g, date '2026-01-01' + g FROM generate_series(1, 300) g;
  CREATE TABLE parent(a int, b text);
  CREATE TABLE child(own text, b text, a int);
  ALTER TABLE child INHERIT parent;
  INSERT INTO child SELECT 'mine', 'b' || g, g FROM generate_series(1, 50) g;
  INSERT INTO parent VALUES (0, 'p');
  ALTER TABLE plain ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON plain FOR SELECT TO clerk USING (id < 10);
  CREATE VIEW seen AS SELECT count(*) FROM plain;
  CREATE MATERIALIZED VIEW kept AS SELECT m, count(*) FROM plain GROUP BY m;
  CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS a WITH NO DATA;
  CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'select 2 * n';
  CREATE PROCEDURE nothing_done() LANGUAGE plpgsql AS 'BEGIN END';
  CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
  CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
  CREATE TRIGGER watch BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION on_change();
  ALTER TABLE plain DISABLE TRIGGER watch;
  CREATE RULE no_delete AS ON DELETE TO nothing DO INSTEAD NOTHING;
  CREATE SEQUENCE counter INCREMENT 5 MAXVALUE 1000 CYCLE;
  SELECT nextval('counter'), nextval('counter');
  CREATE SEQUENCE "never 'called";
  SELECT lo_from_bytea(0, 'large object');
  GRANT SELECT ON plain TO clerk WITH GRANT OPTION;
  GRANT UPDATE (share) ON plain TO clerk;
  REVOKE EXECUTE ON FUNCTION twice FROM PUBLIC;
  ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO clerk;
  ALTER DATABASE app SET work_mem = '7MB';
  ALTER ROLE clerk IN DATABASE app SET statement_timeout = '9s';
  REVOKE CONNECT ON DATABASE app FROM PUBLIC;
  ALTER TABLE nothing OWNER TO clerk;
  ALTER DATABASE app OWNER TO clerk;
  REVOKE ALL ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO pg_monitor;
  CREATE PUBLICATION news FOR TABLE plain, parts WITH (publish = 'insert');
  CREATE PUBLICATION everything FOR ALL TABLES;
  ALTER PUBLICATION news OWNER TO clerk;
  CREATE FUNCTION seen_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
  CREATE EVENT TRIGGER seen_ddl ON ddl_command_end EXECUTE FUNCTION seen_ddl();
)";

class DrillTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<PgCluster>();
    server_->execute("CREATE ROLE clerk LOGIN");
    server_->create_database("app");
    server_->execute(kSource, "app");
    first_ = std::make_unique<VigieHost>();
    first_->configure(server_->dsn("app"), {});
    const Ran ran = first_->run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  static void TearDownTestSuite() {
    first_.reset();
    server_.reset();
  }
  DrillTest() {
    configure({});
    host_.copy_from(*first_);
  }

  void configure(const std::vector<std::string>& drill, const std::vector<std::string>& job = {},
                 const std::string& database = "app") {
    host_.configure(server_->dsn(database), job);
    host_.add_drill(scratch_.path(), drill);
  }
  Ran drill(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"drill", "run", "weekly"};
    words.insert(words.end(), more.begin(), more.end());
    return host_.run(words);
  }

  ScratchDir scratch_;
  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
  static std::unique_ptr<VigieHost> first_;
};

std::unique_ptr<PgCluster> DrillTest::server_;
std::unique_ptr<VigieHost> DrillTest::first_;

TEST_F(DrillTest, PassesWithEveryCheckAndEveryCanary) {
  const std::string of_public = "select has_schema_privilege('public', 'public', 'usage')";
  configure({"rto_target: 10m", "rpo_target: 26h",
             "freshness: {table: public.plain, column: at, within: 26h}", "assertions:",
             "  - {name: all sad, sql: \"select count(*) from plain where m <> 'sad'\", equals: 0}",
             "  - {name: schema public, sql: \"" + of_public + "\", equals: f}"});
  const Ran ran = drill();
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err << host_.run({"drill", "show", "weekly"}).out;
  const auto found = host_.drill_checks();
  for (const char* id : {"restore",
                         "rows",
                         "fingerprints",
                         "large_objects",
                         "objects.tables",
                         "objects.columns",
                         "objects.views",
                         "objects.materialised_views",
                         "objects.indexes",
                         "objects.constraints",
                         "objects.sequences",
                         "objects.functions",
                         "objects.types",
                         "objects.triggers",
                         "objects.policies",
                         "objects.rules",
                         "objects.schemas",
                         "objects.extensions",
                         "objects.large_objects",
                         "objects.owners",
                         "objects.grants",
                         "objects.settings",
                         "objects.public_schema",
                         "objects.publications",
                         "objects.publication_owners",
                         "objects.event_triggers",
                         "invalid_indexes",
                         "disabled_triggers_of_constraints",
                         "sequence_values",
                         "freshness",
                         "sql: all sad",
                         "sql: schema public",
                         "canary.one_flipped_bit",
                         "canary.truncated_file",
                         "canary.missing_file",
                         "canary.row_removed_under_new_checksums",
                         "canary.row_removed_after_restore",
                         "canary.table_removed_after_restore"})
    EXPECT_EQ(found.contains(id) ? found.at(id) : "missing", "passed") << id;
  EXPECT_TRUE(scratch_.is_clean());
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
  EXPECT_THAT(host_.run({"backup", "show", *host_.stored().begin(), "-o", "json"}).out,
              HasSubstr("\"drill\""))
      << "the last that a drill restored is held";
  EXPECT_THAT(host_.run({"drill", "list"}).out, HasSubstr("passed"));
}

// Nothing was removed, so nothing could be refused: no fault of Vigie's, and no proof either.
TEST_F(DrillTest, ACanaryThatATriggerKeepsFromItsRowIsNotBlamed) {
  server_->create_database("guarded");
  server_->execute(
      "CREATE TABLE t AS SELECT 1 AS a; CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN RETURN NULL; END'; CREATE TRIGGER keep BEFORE DELETE ON t FOR EACH ROW EXECUTE "
      "FUNCTION keep(); ALTER TABLE t ENABLE ALWAYS TRIGGER keep",
      "guarded");
  configure({}, {}, "guarded");
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  const auto found = host_.drill_checks();
  EXPECT_EQ(found.at("canary.row_removed_after_restore"), "could_not_verify");
  EXPECT_EQ(found.at("canary.table_removed_after_restore"), "passed");
  server_->execute("DROP DATABASE guarded");
}

// Whatever the user's checks ask of a foreign table.
TEST_F(DrillTest, NothingHasTheWordThatAForeignServerLetsInBy) {
  server_->create_database("outside");
  server_->execute(
      "CREATE EXTENSION postgres_fdw; CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw "
      "OPTIONS (host '/nowhere'); CREATE USER MAPPING FOR postgres SERVER remote OPTIONS "
      "(password 'word'); CREATE FOREIGN TABLE f (a int) SERVER remote; UPDATE pg_extension SET "
      "extversion = '0.9' WHERE extname = 'postgres_fdw'",
      "outside");
  configure({"canary: never", "assertions:",
             "  - {name: mappings, sql: \"select count(*) from pg_user_mapping\", equals: 0}",
             "  - {name: tables, sql: \"select count(*) from pg_foreign_table\", equals: 1}"},
            {}, "outside");
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err << host_.run({"drill", "show", "weekly"}).out;
  const std::string shown = host_.run({"drill", "show", "weekly"}).out;
  EXPECT_THAT(shown, HasSubstr("user mappings of foreign servers were left out"));
  EXPECT_THAT(shown, HasSubstr("postgres_fdw was 0.9 in the source"));
  server_->execute("DROP DATABASE outside");
}

TEST_F(DrillTest, TheNextBackupsCardSaysHowLongItTook) {
  const auto card = [&] {
    return contents(host_.store() / "nightly" / *host_.stored().rbegin() / "RECOVER.md");
  };
  EXPECT_THAT(card(), Not(HasSubstr("How long")));
  configure({"canary: never"});
  ASSERT_EQ(drill().status, 0);
  const std::string drilled = *host_.stored().rbegin();
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  EXPECT_THAT(card(), HasSubstr("How long will it take?"));
  EXPECT_THAT(card(), HasSubstr("the backup `" + drilled + "`"));
}

TEST_F(DrillTest, SaysWhatFailedAndQuotesNoRow) {
  configure({"freshness: {table: public.nothing_there, column: at}",
             "assertions:", "  - {name: wrong, sql: \"select count(*) from plain\", equals: 7}",
             "  - {name: text, sql: \"select 'Canary-' || 77\", equals: 7}",
             "  - {name: writes, sql: \"delete from plain\", equals: 0}", "canary: never"});
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("drill_checks_failed"));
  const auto found = host_.drill_checks();
  EXPECT_EQ(found.at("sql: wrong"), "failed");
  EXPECT_EQ(found.at("sql: text"), "failed");
  EXPECT_EQ(found.at("sql: writes"), "could_not_verify");
  EXPECT_EQ(found.at("freshness"), "could_not_verify");
  EXPECT_EQ(found.at("rows"), "passed");
  const Ran shown = host_.run({"drill", "show", "weekly"});
  EXPECT_THAT(shown.out, HasSubstr("2000"));
  EXPECT_THAT(shown.out, Not(HasSubstr("Canary")));
  EXPECT_THAT(host_.run({"status"}).out, HasSubstr("drill_checks_failed"));
}

TEST_F(DrillTest, ARehearsalIsShownApartAndTheLastDrillStays) {
  configure({"canary: never"});
  ASSERT_EQ(drill().status, 0);
  configure({"canary: never", "assertions:", "  - {name: wrong, sql: \"select 1\", equals: 7}"});
  EXPECT_EQ(drill({"--backup", *host_.stored().begin()}).status, 1);
  const std::string shown = host_.run({"drill", "show", "weekly"}).out;
  const size_t border = shown.find("The last rehearsal");
  ASSERT_NE(border, std::string::npos) << shown;
  EXPECT_THAT(shown.substr(0, border), Not(HasSubstr("sql: wrong")));
  EXPECT_THAT(shown.substr(border), HasSubstr("sql: wrong"));
  EXPECT_FALSE(host_.drill_checks().contains("sql: wrong"));
  EXPECT_THAT(host_.run({"status"}).out, Not(HasSubstr("drill_checks_failed")));
}

TEST_F(DrillTest, TheAgeOfAnOlderBackupIsNoRpo) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  ASSERT_EQ(host_.stored().size(), 2u);
  configure({"canary: never", "pick: oldest", "rpo_target: 1s"});
  ASSERT_EQ(drill().status, 0);
  EXPECT_THAT(host_.run({"drill", "show", "weekly"}).out, HasSubstr(*host_.stored().begin()));
  EXPECT_THAT(host_.run({"status"}).out, Not(HasSubstr("rpo_missed")));
}

TEST_F(DrillTest, OldRowsAreNotFresh) {
  server_->create_database("old");
  server_->execute("CREATE TABLE t AS SELECT timestamptz '2020-01-01' AS at", "old");
  host_.configure(server_->dsn("old"), {});
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  configure({"freshness: {table: public.t, column: at, within: 1d}", "canary: never"});
  EXPECT_EQ(drill().status, 1);
  EXPECT_EQ(host_.drill_checks().at("freshness"), "failed");
  server_->execute("DROP DATABASE old");
}

TEST_F(DrillTest, ADamagedBackupFails) {
  const auto dump = host_.store() / "nightly" / *host_.stored().begin() / "dump";
  for (const auto& entry : std::filesystem::directory_iterator(dump)) {
    std::string text = contents(entry.path());
    text[text.size() / 2] = static_cast<char>(text[text.size() / 2] ^ 4);
    ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), entry.path(), text));
  }
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("artefact_"));
  EXPECT_EQ(host_.drill_checks().at("restore"), "failed");
  EXPECT_TRUE(scratch_.is_clean());
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
}

TEST_F(DrillTest, WithoutAGoodBackupNothingIsVerified) {
  std::filesystem::remove_all(host_.store() / "nightly");
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("backup_not_found"));
  EXPECT_THAT(host_.run({"evidence", "list", "--kind", "restore_drill"}).out,
              HasSubstr("could_not_verify"));
}

TEST_F(DrillTest, AFolderThatHoldsAnythingElseIsNotTouched) {
  std::filesystem::create_directory(scratch_.path() / "weekly");
  host_.write("precious", "42");
  std::filesystem::copy(host_.folder() / "precious", scratch_.path() / "weekly" / "precious");
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("scratch_in_use"));
  EXPECT_EQ(contents(scratch_.path() / "weekly" / "precious"), "42");
}

TEST_F(DrillTest, ADrillThatIsKilledLeavesNoServerAndTheNextOnePasses) {
  // A lock on nothing: it holds the comparison for as long as the test needs.
  configure({"canary: never",
             "assertions:", "  - {name: waits, sql: \"select pg_sleep(600)\", equals: x}"});
  host_.start({"drill", "run", "weekly"});
  const auto socket = scratch_.path() / "weekly" / ".s.PGSQL.5432";
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket); }, std::chrono::seconds(60)))
      << host_.log();
  const auto data = scratch_.path() / "weekly" / "data";
  const pid_t postmaster = std::stoi(contents(data / "postmaster.pid"));
  const int segment = segment_of(data);
  host_.signal(SIGKILL);
  host_.wait();
  EXPECT_TRUE(eventually([&] { return ::kill(postmaster, 0) != 0; }, std::chrono::seconds(30)));
  EXPECT_TRUE(segment_is_there(segment)) << "nothing to free";
  configure({"canary: never"});
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_TRUE(scratch_.is_clean());
  EXPECT_FALSE(segment_is_there(segment));
}

TEST_F(DrillTest, WordsThatDoNotFitAreRefused) {
  EXPECT_EQ(host_.run({"drill", "run", "monthly"}).status, 2);
  EXPECT_EQ(drill({"--into", "x"}).status, 2);
  EXPECT_EQ(drill({"--backup", "x"}).status, 2);
  EXPECT_EQ(host_.run({"drill", "show", "monthly"}).status, 2);
  const Ran missing = drill({"--into", "42"});
  EXPECT_EQ(missing.status, 3) << missing.out << missing.err;
  EXPECT_THAT(missing.out + missing.err, HasSubstr("apt-get install postgresql-42"));
}

TEST_F(DrillTest, ABackupWithoutRolesIsRestoredWithoutOwners) {
  server_->create_database("bare");
  server_->execute("CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO clerk", "bare");
  configure({"canary: never"}, {"globals: false"}, "bare");
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  const Ran ran = drill();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err << host_.run({"drill", "show", "weekly"}).out;
  const auto found = host_.drill_checks();
  EXPECT_FALSE(found.contains("objects.owners"));
  EXPECT_EQ(found.at("objects.tables"), "passed");
  server_->execute("DROP DATABASE bare");
}

}  // namespace
}  // namespace vigie::testing
