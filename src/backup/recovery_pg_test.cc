// The recovery card, taken at its word: its commands, and nothing else, bring the database back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artefact/recovery_card.h"
#include "artefact/row_settings.h"
#include "backup/dump.h"
#include "store/local/local_store.h"
#include "tests/support/age_keys.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/recovery_card_steps.h"
#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using testing::PgCluster;
using testing::TempFolder;

constexpr char kSource[] = R"(
  CREATE ROLE card_owner LOGIN;
  CREATE EXTENSION pgcrypto;
  CREATE TYPE mood AS ENUM ('glad', 'sad');
  CREATE TABLE plain(id int PRIMARY KEY, t text, at timestamptz, m mood, tags int[], b bytea,
                     doubled int GENERATED ALWAYS AS (id * 2) STORED);
  INSERT INTO plain SELECT g, E'line\n' || g, now(), 'sad', ARRAY[g], digest(g::text, 'sha256')
    FROM generate_series(1, 2000) g;
  ALTER TABLE plain DROP COLUMN t;
  ALTER TABLE plain OWNER TO card_owner;
  CREATE TABLE "na""me é"(i int REFERENCES plain);
  INSERT INTO "na""me é" VALUES (1), (NULL);
  CREATE TABLE nothing();
  INSERT INTO nothing DEFAULT VALUES;
  CREATE VIEW seen AS SELECT count(*) FROM plain;
  SELECT lo_from_bytea(0, 'large object');
)";

// Every row of everything that has rows, in one text.
constexpr char kEverything[] = R"(
  SELECT md5(string_agg(x, E'\n' ORDER BY x)) FROM (
    SELECT plain::text x FROM plain UNION ALL SELECT "na""me é"::text FROM "na""me é"
    UNION ALL SELECT 'nothing' FROM nothing UNION ALL SELECT seen::text FROM seen
    UNION ALL SELECT encode(lo_get(oid), 'hex') FROM pg_largeobject_metadata
    UNION ALL SELECT tableowner FROM pg_tables WHERE tablename = 'plain') everything
)";

class Recovery : public ::testing::Test {
 protected:
  // Dumps `database` and publishes it.
  void back_up(const std::string& database, bool globals = true) {
    DumpRequest request;
    request.dsn = source_.named_dsn(database);
    request.clients = {source_.bindir()};
    request.application_name = "card";
    request.globals = globals;
    request.row_settings = {"UTF8", source_.value("SHOW lc_monetary", database)};
    request.recipients = recipients_;
    request.age = "/usr/bin/age";
    request.staging = folder_ / "staging";
    ASSERT_TRUE(platform::real_file_system().create_folder(request.staging));
    const auto writer = store_->begin(id_);
    ASSERT_TRUE(writer);
    const platform::RealClock clock;
    const auto dump = take_dump(request, {*runner_, clock, {}}, **writer, {MonoTime::max(), {}});
    ASSERT_TRUE(dump) << dump.error().detail(Audience::operators);
    publish(database, *dump, **writer);
  }

  void publish(const std::string& database, const DumpResult& dump, store::ArtefactWriter& writer) {
    artefact::Manifest manifest;
    manifest.id = id_;
    manifest.server.version = std::to_string(source_.major());
    manifest.server.version_num = source_.major() * 10000;
    manifest.server.database = database;
    manifest.server.encoding = "UTF8";
    constexpr auto kOurs = " FROM pg_database WHERE datname = current_database()";
    manifest.server.collate = source_.value(std::string("SELECT datcollate") + kOurs, database);
    manifest.server.ctype = source_.value(std::string("SELECT datctype") + kOurs, database);
    manifest.server.locale_provider = "libc";
    manifest.recipients = recipients_;
    manifest.files = dump.files;
    manifest.tables = dump.tables;
    const artefact::Cover cover = make_cover(manifest);
    ASSERT_TRUE(store::write_file(writer, artefact::kCardName, cover.card));
    ASSERT_TRUE(store::write_file(writer, artefact::kSumsName, cover.sums));
    ASSERT_TRUE(writer.publish(cover.manifest));
  }

  void follow_card(const PgCluster& target) {
    EXPECT_EQ(testing::follow_recovery_card(store_->artefact_path(id_), target), "");
  }

  TempFolder folder_;
  PgCluster source_;
  std::vector<std::string> recipients_;  // encrypted for them
  std::unique_ptr<platform::ProcessRunner> runner_ = platform::make_process_runner();
  std::unique_ptr<store::Store> store_ =
      store::make_local_store(platform::real_file_system(), "local", folder_ / "artefacts");
  const BackupId id_{"nightly", "app",
                     SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20))};
};

TEST_F(Recovery, TheCardOfAnEncryptedBackupRestoresWithTheKey) {
  const testing::AgeKeys keys;
  recipients_ = {keys.recipient()};
  source_.create_database("app");
  source_.execute(kSource, "app");
  const std::string before = source_.value(kEverything, "app");
  back_up("app");
  PgCluster target;
  EXPECT_EQ(testing::follow_recovery_card(store_->artefact_path(id_), target, keys.file()), "");
  EXPECT_EQ(target.value(kEverything, "app"), before);
}

TEST_F(Recovery, TheCardRestoresIntoAnotherServer) {
  source_.create_database("app");
  source_.execute(kSource, "app");
  back_up("app");
  const std::string expected = source_.value(kEverything, "app");
  PgCluster target;
  follow_card(target);
  EXPECT_EQ(target.value(kEverything, "app"), expected);
  EXPECT_EQ(target.value("SELECT count(*) FROM plain", "app"), "2000");
}

// Whoever only wants a copy to look into follows no other step.
TEST_F(Recovery, TheCardRestoresUnderAnotherName) {
  source_.create_database("app");
  source_.execute(kSource, "app");
  back_up("app");
  EXPECT_EQ(testing::follow_other_name(store_->artefact_path(id_), source_), "");
  EXPECT_EQ(source_.value("SELECT count(*) FROM plain", "restored"), "2000");
}

TEST_F(Recovery, TheCardWorksForANameThatTheShellAndLibpqCouldMisread) {
  const std::string name = "o'dd \"na\\me = `x`\n$(false) é";
  source_.create_database(name);
  source_.execute(kSource, name);
  back_up(name);
  const std::string expected = source_.value(kEverything, name);
  PgCluster target;
  follow_card(target);
  EXPECT_EQ(target.value(kEverything, name), expected);
}

// What belongs to the database and to none of its objects. Majors name the columns of the locale
// differently: the missing ones are NULL.
constexpr char kProperties[] = R"(
  SELECT concat_ws(' ', pg_get_userbyid(datdba), datcollate, datctype, to_jsonb(d)->>'datlocprovider',
    to_jsonb(d)->>'daticulocale', to_jsonb(d)->>'datlocale', datconnlimit,
    has_database_privilege('card_owner', oid, 'connect'), has_database_privilege('card_reader', oid, 'connect'),
    shobj_description(oid, 'pg_database'),
    (SELECT string_agg(setconfig::text, ' ' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid))
  FROM pg_database d WHERE datname = 'app'
)";

// The newest kind that the major has.
std::string locale_of_its_own(int major) {
  if (major >= 17) return "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'";
  if (major >= 15) return "LOCALE_PROVIDER icu ICU_LOCALE 'sv-SE'";
  return "LC_COLLATE 'C' LC_CTYPE 'POSIX'";
}

TEST_F(Recovery, TheCardBringsTheDatabaseItselfBack) {
  source_.execute("CREATE ROLE card_owner LOGIN; CREATE ROLE card_reader LOGIN");
  source_.execute("ALTER ROLE postgres SET allow_in_place_tablespaces = on");
  source_.execute("CREATE TABLESPACE elsewhere LOCATION ''");
  source_.execute("CREATE DATABASE app TEMPLATE template0 " + locale_of_its_own(source_.major()) +
                  " TABLESPACE elsewhere OWNER card_owner CONNECTION LIMIT 7");
  source_.execute("CREATE TABLE far(id int); INSERT INTO far VALUES (1)", "app");
  source_.execute("CREATE TABLE near(id int) TABLESPACE pg_default", "app");
  source_.execute(
      "ALTER DATABASE app SET work_mem = '7MB'; ALTER DATABASE app SET "
      "default_transaction_read_only = on;"
      "ALTER ROLE card_reader IN DATABASE app SET statement_timeout = '9s';"
      "REVOKE CONNECT ON DATABASE app FROM PUBLIC; COMMENT ON DATABASE app IS 'what it is'");
  back_up("app");
  const std::string expected = source_.value(kProperties);
  PgCluster target;
  follow_card(target);
  EXPECT_EQ(target.value(kProperties), expected);
  EXPECT_EQ(target.value("SELECT count(*) FROM far", "app"), "1");
}

TEST_F(Recovery, WithoutTheRolesTheCardLeavesOwnersOut) {
  source_.create_database("app");
  source_.execute(kSource, "app");
  back_up("app", false);
  PgCluster target;
  follow_card(target);
  EXPECT_EQ(target.value("SELECT count(*) FROM plain", "app"), "2000");
}

}  // namespace
}  // namespace vigie::backup
