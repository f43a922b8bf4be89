// Restores by a role that is no superuser, by the real binary: what docs/manual/restore.md says
// that it may do, and what it is told of the rest. A right that is missing says nothing of the
// backup.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNothingMore[] = "postgres template0 template1";
const std::vector<std::string> kWithoutOwners{"--no-owner"};

class RestoreRightsTest : public ::testing::Test {
 protected:
  RestoreRightsTest() {
    source_.create_role("clerk");
    source_.create_database("app");
    target_.create_role("restorer", "CREATEDB");
  }
  // The source holds what `sql` makes, and one backup of it is there.
  void back_up(const std::string& sql) {
    source_.execute(sql, "app");
    host_.configure(source_.dsn("app"), {});
    const Ran ran = host_.run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  Ran run(const std::string& verb, const std::vector<std::string>& more) {
    std::vector<std::string> words{"restore", verb,   "--backup",
                                   "latest",  "--to", target_.dsn("copy", "restorer")};
    words.insert(words.end(), more.begin(), more.end());
    return host_.run(words);
  }
  Ran restore(const std::vector<std::string>& more = kWithoutOwners) { return run("run", more); }
  void expect_refused(const Ran& ran, const std::string& databases = kNothingMore) {
    EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("restore_rights"));
    EXPECT_THAT(host_.run({"evidence", "list", "--kind", "restore", "-o", "json"}).out,
                AllOf(HasSubstr("\"restore_rights\""), HasSubstr("\"could_not_verify\""),
                      Not(HasSubstr("\"failed\"")), Not(HasSubstr("\"passed\""))));
    EXPECT_EQ(this->databases(), databases);
    EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
  }
  std::string databases() {
    return target_.value("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
  }
  std::string owner_of_copy() {
    return target_.value("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'copy'");
  }

  PgCluster source_;
  PgCluster target_;
  VigieHost host_;
};

TEST_F(RestoreRightsTest, ARoleThatMayMakeDatabasesRestoresWithoutOwnersAndRights) {
  back_up(R"(
    CREATE EXTENSION citext;
    CREATE TABLE t(id int PRIMARY KEY, word citext, big serial);
    INSERT INTO t SELECT g, 'w' || g FROM generate_series(1, 500) g;
    ALTER TABLE t OWNER TO clerk;
    GRANT SELECT ON t TO pg_monitor;
    ALTER TABLE t ENABLE ROW LEVEL SECURITY;
    CREATE POLICY low ON t USING (id < 10);
    CREATE VIEW seen AS SELECT count(*) FROM t;
    CREATE SCHEMA books AUTHORIZATION clerk;
    SELECT lo_from_bytea(0, 'large object');
    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO clerk;
    ALTER DATABASE app SET work_mem = '7MB';
    REVOKE CONNECT ON DATABASE app FROM PUBLIC;
    COMMENT ON DATABASE app IS 'of the shop';
    ALTER DATABASE app OWNER TO clerk;
  )");
  const Ran ran = restore();
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(target_.value("SELECT count(*) FROM t", "copy"), "500");
  EXPECT_EQ(target_.value("SELECT string_agg(DISTINCT tableowner, ' ') FROM pg_tables "
                          "WHERE schemaname = 'public'",
                          "copy"),
            "restorer");
  EXPECT_EQ(owner_of_copy(), "restorer");
  EXPECT_EQ(target_.value("SHOW work_mem", "copy"), "7MB");
  EXPECT_EQ(target_.value("SELECT count(*) FROM pg_largeobject_metadata", "copy"), "1");
  EXPECT_EQ(databases(), std::string("copy ") + kNothingMore);
}

TEST_F(RestoreRightsTest, IntoADatabaseThatItOwnsEmptyOrNot) {
  back_up("CREATE TABLE t AS SELECT 1 AS a");
  target_.create_database("copy");
  target_.execute("ALTER DATABASE copy OWNER TO restorer");
  const Ran empty = restore();
  EXPECT_EQ(empty.status, 0) << empty.out << empty.err;
  target_.execute("UPDATE t SET a = 2", "copy");
  const Ran again = restore({"--no-owner", "--overwrite", "copy"});
  EXPECT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_EQ(target_.value("SELECT a FROM t", "copy"), "1");
  EXPECT_EQ(databases(), std::string("copy ") + kNothingMore);
}

// Known before anything is restored, not when all is done but the name.
TEST_F(RestoreRightsTest, ADatabaseOfSomebodyElseIsNotReplacedAndThePlanSaysSo) {
  back_up("CREATE TABLE t AS SELECT 1 AS a");
  target_.create_database("copy");
  const Ran plan = run("plan", {"--no-owner", "-o", "json"});
  EXPECT_THAT(plan.out, AllOf(HasSubstr("\"will\": \"refuse\""), HasSubstr("restore_rights"),
                              HasSubstr("does not own the database copy")));
  const Ran ran = restore();
  expect_refused(ran, std::string("copy ") + kNothingMore);
  EXPECT_THAT(ran.err, HasSubstr("does not own the database copy"));
  EXPECT_EQ(owner_of_copy(), "postgres");
}

TEST_F(RestoreRightsTest, OwnersThatItMayNotSetAreNoFaultOfTheBackup) {
  back_up("CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t OWNER TO clerk");
  target_.create_role("clerk");
  expect_refused(restore({}));
}

// Said by the server itself, and not by pg_restore.
TEST_F(RestoreRightsTest, ASettingOfTheDatabaseThatOnlyASuperuserMakesIsNoFaultOfTheBackup) {
  back_up("CREATE TABLE t AS SELECT 1 AS a; ALTER DATABASE app SET log_statement = 'all'");
  expect_refused(restore());
}

TEST_F(RestoreRightsTest, AnExtensionThatOnlyASuperuserMakesIsNoFaultOfTheBackup) {
  back_up("CREATE EXTENSION pageinspect; CREATE TABLE t AS SELECT 1 AS a");
  expect_refused(restore());
}

TEST_F(RestoreRightsTest, RolesThatItMayNotMakeAreNoFaultOfTheBackup) {
  back_up("CREATE TABLE t AS SELECT 1 AS a");
  expect_refused(restore({"--no-owner", "--globals"}));
  EXPECT_EQ(target_.value("SELECT count(*) FROM pg_roles WHERE rolname = 'clerk'"), "0");
}

// A policy that binds even the owner hides rows from who restores: what cannot be read back was not
// compared.
TEST_F(RestoreRightsTest, RowsThatItMayNotReadBackAreNoDifference) {
  back_up(
      "CREATE TABLE t AS SELECT 1 AS a; ALTER TABLE t ENABLE ROW LEVEL SECURITY;"
      "ALTER TABLE t FORCE ROW LEVEL SECURITY");
  const Ran ran = restore();
  expect_refused(ran);
  EXPECT_THAT(ran.err, HasSubstr("read back every row"));
  target_.execute("ALTER ROLE restorer BYPASSRLS");
  EXPECT_EQ(restore().status, 0);
}

TEST_F(RestoreRightsTest, WithoutCreatedbNothingIsBegun) {
  back_up("CREATE TABLE t AS SELECT 1 AS a");
  target_.execute("ALTER ROLE restorer NOCREATEDB");
  const Ran ran = restore();
  expect_refused(ran);
  EXPECT_THAT(ran.err, HasSubstr("CREATEDB"));
}

}  // namespace
}  // namespace vigie::testing
