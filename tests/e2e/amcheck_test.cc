// A look for damage in the source, by the real binary: with the rights that `vigie grants` gives,
// and what is told to whom when an index is damaged.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class AmcheckE2e : public ::testing::Test {
 protected:
  AmcheckE2e() {
    server_.create_database("app");
    server_.create_role("checker");
    server_.execute(
        "CREATE TABLE orders(id int PRIMARY KEY, word text); INSERT INTO orders SELECT g, "
        "'Canary-' "
        "|| g FROM generate_series(1, 3000) g; CREATE INDEX secret_name ON orders (word)",
        "app");
    configure("");
  }
  void SetUp() override {
    if (server_.major() < 14) GTEST_SKIP() << "PostgreSQL 13 has no pg_amcheck";
  }
  void configure(const std::string& more) {
    host_.configure(server_.dsn("app", "checker"), {});
    host_.write("vigie.yaml",
                host_.read("vigie.yaml") + "amcheck:\n  weekly: {database: app" + more + "}\n");
  }
  void follow_grants() {
    const Ran sql = host_.run({"grants", "--role", "dump", "--name", "checker"});
    ASSERT_EQ(sql.status, 0) << sql.err;
    host_.write("grants.sql", sql.out);
    const std::string psql = fmt::format(
        "{}/psql -X -q -v ON_ERROR_STOP=1 -f {}/grants.sql 'host={} dbname=app user=postgres'",
        pg_bindir().string(), host_.folder().string(), server_.socket_folder().string());
    ASSERT_EQ(std::system(psql.c_str()), 0);
  }
  void damage_index() {
    const std::string file = server_.value("SELECT pg_relation_filepath('secret_name')", "app");
    server_.stop();
    std::fstream data(server_.data_folder() / file,
                      std::ios::in | std::ios::out | std::ios::binary);
    data.seekp(8192 + 200);
    data << std::string(4000, 'Z');
    data.close();
    server_.start();
  }
  std::string sessions() {
    return server_.value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'vigie amcheck%'");
  }
  Ran look() { return host_.run({"amcheck", "run", "weekly", "-o", "json"}); }

  PgCluster server_;
  VigieHost host_;
};

TEST_F(AmcheckE2e, TheGrantsAreAllThatItNeeds) {
  const Ran without = look();
  EXPECT_EQ(without.status, 3) << without.out << without.err;
  EXPECT_THAT(without.out + without.err, HasSubstr("amcheck_unavailable"));
  server_.execute("CREATE EXTENSION amcheck", "app");
  follow_grants();
  const Ran ran = look();
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_THAT(host_.run({"amcheck", "list"}).out, HasSubstr("passed"));
  EXPECT_THAT(host_.run({"amcheck", "show", "weekly"}).out, HasSubstr("damaged_relations"));
}

TEST_F(AmcheckE2e, DamageFailsAndItsNameStandsInTheRunsLogAlone) {
  server_.execute("CREATE EXTENSION amcheck", "app");
  follow_grants();
  damage_index();
  const Ran ran = look();
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out + ran.err, HasSubstr("source_corrupt"));
  EXPECT_THAT(host_.run({"status"}).out, HasSubstr("source_corrupt"));
  std::string logs;
  for (const auto& one : std::filesystem::recursive_directory_iterator(host_.state() / "runs"))
    if (one.is_regular_file()) logs += contents(one.path());
  EXPECT_THAT(logs, HasSubstr("damaged: index public.secret_name"));
  EXPECT_THAT(logs, Not(HasSubstr("Canary")));
  const Ran evidence = host_.run({"evidence", "list", "--kind", "amcheck", "-o", "json"});
  EXPECT_THAT(evidence.out, HasSubstr("\"damaged\": 1"));
  EXPECT_THAT(evidence.out, Not(HasSubstr("secret_name")));
}

// It waits for a lock, for longer than the run may take.
TEST_F(AmcheckE2e, OneThatHangsEndsAtItsDeadlineSaysNothingOfTheDataAndLeavesNothingAtWork) {
  server_.execute("CREATE EXTENSION amcheck", "app");
  follow_grants();
  configure(", timeout: 15s");
  const auto lock = server_.lock_table("orders", "app");
  host_.start({"amcheck", "run", "weekly"});
  ASSERT_TRUE(server_.somebody_waits()) << host_.log();
  EXPECT_FALSE(processes_of("pg_amcheck", server_.socket_folder().string()).empty());
  EXPECT_EQ(host_.wait(), 3) << host_.log();
  EXPECT_THAT(host_.log(), HasSubstr("code deadline_exceeded"));
  EXPECT_TRUE(processes_of("pg_amcheck", server_.socket_folder().string()).empty());
  EXPECT_TRUE(eventually([&] { return sessions() == "0"; })) << sessions();
  EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
  const Ran evidence = host_.run({"evidence", "list", "--kind", "amcheck", "-o", "json"});
  EXPECT_THAT(evidence.out, HasSubstr("\"could_not_verify\""));
  EXPECT_THAT(evidence.out, Not(HasSubstr("\"failed\"")));
  EXPECT_THAT(host_.run({"amcheck", "list"}).out, HasSubstr("could_not_verify"));
}

TEST_F(AmcheckE2e, ANameThatThereIsNotIsRefused) {
  EXPECT_EQ(host_.run({"amcheck", "run", "monthly"}).status, 2);
  EXPECT_EQ(host_.run({"amcheck", "show", "monthly"}).status, 2);
  EXPECT_THAT(host_.run({"amcheck", "show", "weekly"}).err, HasSubstr("was never run"));
}

}  // namespace
}  // namespace vigie::testing
