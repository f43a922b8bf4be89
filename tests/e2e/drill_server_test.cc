// A drill on a PostgreSQL server that is there already, by the real binary: what passes, what is
// refused before anything is made, and what is left when the drill is killed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPassword[] = "Canary-scratch-4711";

// An event trigger of a superuser would run in the drill's own statements.
constexpr char kSource[] = R"(
  CREATE TABLE plain(id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz DEFAULT now());
  INSERT INTO plain SELECT FROM generate_series(1, 500);
  ALTER TABLE plain OWNER TO clerk;
  ALTER DATABASE app OWNER TO clerk;
  ALTER ROLE clerk IN DATABASE app SET statement_timeout = '9s';
  CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''never''; END';
  CREATE EVENT TRIGGER refusing ON sql_drop EXECUTE FUNCTION refuse();
  COMMENT ON EVENT TRIGGER refusing IS 'runs at every DROP';
)";

class DrillOnServerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    source_ = std::make_unique<PgCluster>();
    source_->execute("CREATE ROLE clerk LOGIN");
    source_->create_database("app");
    source_->execute(kSource, "app");
    first_ = std::make_unique<VigieHost>();
    first_->configure(source_->dsn("app"), {});
    const Ran ran = first_->run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  static void TearDownTestSuite() {
    first_.reset();
    source_.reset();
  }
  DrillOnServerTest() {
    scratch_.create_database("wipe_me");
    scratch_.create_role("driller", "SUPERUSER", kPassword);
    host_.write("scratch.password", kPassword);
    configure({"canary: never"});
    host_.copy_from(*first_);
  }

  std::string drill_text(const std::string& name, const std::vector<std::string>& lines) {
    std::string text = fmt::format(
        "  {}:\n    backup: nightly\n    scratch: {{type: server, dsn: \"{}\", password_file: {}, "
        "marker_database: wipe_me}}\n",
        name, dsn_, (host_.folder() / "scratch.password").string());
    for (const std::string& line : lines) text += "    " + line + "\n";
    return text;
  }
  void configure(const std::vector<std::string>& weekly,
                 const std::vector<std::string>& monthly = {"canary: never"}) {
    host_.configure(source_->dsn("app"), {});
    host_.write("vigie.yaml", host_.read("vigie.yaml") + "drills:\n" +
                                  drill_text("weekly", weekly) + drill_text("monthly", monthly));
  }
  // A drill that is at work for as long as a test needs.
  static std::vector<std::string> waiting() {
    return {"canary: never",
            "assertions:", "  - {name: waits, sql: \"select pg_sleep(600)\", equals: x}"};
  }
  std::string databases() {
    return scratch_.value("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
  }
  bool holds_a_drill() { return databases().find("vigie_drill_") != std::string::npos; }
  bool somebody_sleeps() {
    return scratch_.value(
               "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND "
               "datname ~ '^vigie_drill_'") == "1";
  }
  std::string evidence() {
    return host_.run({"evidence", "list", "--kind", "restore_drill", "-o", "json"}).out;
  }

  PgCluster scratch_{{.authentication = "scram-sha-256", .own_identity = true}};
  VigieHost host_;
  std::string dsn_ = scratch_.dsn("postgres", "driller");
  static std::unique_ptr<PgCluster> source_;
  static std::unique_ptr<VigieHost> first_;
};

std::unique_ptr<PgCluster> DrillOnServerTest::source_;
std::unique_ptr<VigieHost> DrillOnServerTest::first_;

constexpr char kOnlyTheMarker[] = "postgres template0 template1 wipe_me";

TEST_F(DrillOnServerTest, PassesWithEveryCanaryAndLeavesNoDatabase) {
  configure({"freshness: {table: public.plain, column: at, within: 26h}"});
  const Ran ran = host_.run({"drill", "run", "weekly"});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err << host_.run({"drill", "show", "weekly"}).out;
  EXPECT_EQ(databases(), kOnlyTheMarker);
  const Ran shown = host_.run({"drill", "show", "weekly"});
  for (const char* words : {"canary.table_removed_after_restore", "objects.owners",
                            "its free space was not looked at", "event triggers were left out"})
    EXPECT_THAT(shown.out, HasSubstr(words));
  EXPECT_THAT(evidence(), HasSubstr("\"scratch\": \"server\""));
  EXPECT_THAT(evidence(), Not(HasSubstr(kPassword)));
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
}

TEST_F(DrillOnServerTest, AServerWithoutTheMarkerIsNotTouched) {
  scratch_.execute("ALTER DATABASE wipe_me RENAME TO precious");
  const Ran ran = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("scratch_not_marked"));
  EXPECT_EQ(databases(), "postgres precious template0 template1");
  EXPECT_EQ(scratch_.value("SELECT count(*) FROM pg_roles WHERE rolname = 'clerk'"), "0");
}

TEST_F(DrillOnServerTest, TheSourceIsRefusedAlsoWithAMarker) {
  source_->create_database("wipe_me");
  dsn_ = source_->dsn("postgres");
  configure({"canary: never"});
  const Ran ran = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("scratch_is_source"));
  EXPECT_EQ(source_->value("SELECT count(*) FROM pg_database WHERE datname ~ '^vigie_'"), "0");
  source_->execute("DROP DATABASE wipe_me");
}

TEST_F(DrillOnServerTest, TheServerOfAnotherDatabaseOfTheConfigurationIsRefused) {
  std::string text = host_.read("vigie.yaml");
  text.replace(text.find("stores:"), 0, "  crm:\n    dsn: \"" + scratch_.dsn("postgres") + "\"\n");
  host_.write("vigie.yaml", text);
  const Ran ran = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("scratch_is_source"));
  EXPECT_THAT(ran.out + ran.err, HasSubstr("the database crm"));
}

TEST_F(DrillOnServerTest, WhatADrillThatIsKilledLeavesTheNextOneRemoves) {
  const Ran killed =
      host_.run({"drill", "run", "weekly"}, {{"VIGIE_FAILPOINTS", "proof.restore.compared=kill"}});
  ASSERT_TRUE(killed.killed()) << killed.out << killed.err;
  EXPECT_TRUE(holds_a_drill());
  const Ran ran = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(databases(), kOnlyTheMarker);
}

TEST_F(DrillOnServerTest, TheNextStartRemovesItAsWell) {
  const Ran killed =
      host_.run({"drill", "run", "weekly"}, {{"VIGIE_FAILPOINTS", "proof.restore.compared=kill"}});
  ASSERT_TRUE(killed.killed()) << killed.out << killed.err;
  ASSERT_TRUE(holds_a_drill());
  ASSERT_TRUE(host_.serve());
  EXPECT_TRUE(eventually([&] { return !holds_a_drill(); }, std::chrono::seconds(60)))
      << host_.log();
}

TEST_F(DrillOnServerTest, AServerThatIsGoneSaysNothingOfTheBackupAndTheNextDrillClearsItUp) {
  configure(waiting());
  host_.start({"drill", "run", "weekly"});
  ASSERT_TRUE(eventually([&] { return somebody_sleeps(); }, std::chrono::seconds(60)))
      << host_.log();
  scratch_.kill9();
  EXPECT_EQ(host_.wait(), 3) << host_.log();
  EXPECT_THAT(evidence(), HasSubstr("\"could_not_verify\""));
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
  scratch_.start();
  EXPECT_TRUE(holds_a_drill());
  configure({"canary: never"});
  const Ran ran = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(databases(), kOnlyTheMarker);
}

// Those of two Vigies; here of one state folder, and so the names differ by the drill alone.
TEST_F(DrillOnServerTest, TwoDrillsShareTheServer) {
  configure(waiting());
  VigieHost other;
  other.copy_from(*first_);
  other.write("vigie.yaml",
              first_->read("vigie.yaml") + "drills:\n" + drill_text("monthly", {"canary: never"}));
  host_.start({"drill", "run", "weekly"});
  ASSERT_TRUE(eventually([&] { return somebody_sleeps(); }, std::chrono::seconds(60)))
      << host_.log();
  std::string text = other.read("vigie.yaml");
  for (size_t at = text.find(first_->folder().string()); at != std::string::npos;
       at = text.find(first_->folder().string()))
    text.replace(at, first_->folder().string().size(), other.folder().string());
  other.write("vigie.yaml", text);
  const Ran ran = other.run({"drill", "run", "monthly"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_TRUE(somebody_sleeps()) << "the other one is as it was";
  host_.signal(SIGTERM);
  (void)host_.wait();
  EXPECT_TRUE(eventually([&] { return !holds_a_drill(); }));
}

}  // namespace
}  // namespace vigie::testing
