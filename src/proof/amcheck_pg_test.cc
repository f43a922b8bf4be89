// pg_amcheck on a real server whose files are damaged for real: what is named, what is not, and
// what keeps a database from being looked at.
#include "proof/amcheck.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "platform/clock.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::PgCluster;
using testing::TempFolder;

constexpr char kTables[] = R"(
  CREATE TABLE orders(id int PRIMARY KEY, word text);
  INSERT INTO orders SELECT g, 'Canary-' || g FROM generate_series(1, 3000) g;
  CREATE INDEX by_word ON orders (word);
  CREATE TABLE healthy(id int PRIMARY KEY);
  INSERT INTO healthy SELECT generate_series(1, 100);
  CHECKPOINT;
)";

class AmcheckTest : public ::testing::Test {
 protected:
  AmcheckTest() {
    server_.create_database("app");
    server_.execute(kTables, "app");
    options_.name = options_.database = "app";
  }
  void SetUp() override {
    if (server_.major() < 14) GTEST_SKIP() << "PostgreSQL 13 has no pg_amcheck";
    server_.execute("CREATE EXTENSION amcheck", "app");
  }
  AmcheckReport look(const std::string& user = "postgres") {
    said_.clear();
    Work work;
    work.run = new_run_id();
    work.deadline = clock_.monotonic() + std::chrono::minutes(2);
    work.program_ended = [this](std::string_view, int, std::string_view said) { said_ += said; };
    return amcheck({options_, server_.named_dsn("app", user),
                    testing::bindir_line().empty() ? "" : testing::pg_bindir(), folder_ / "run",
                    lock_timeout_},
                   {platform::real_file_system(), *processes_, *postgres_, clock_}, work);
  }
  static std::string code(const AmcheckReport& report) {
    return report.error ? std::string(report.error->info().name) : "passed";
  }
  static std::string detail(const AmcheckReport& report) {
    return report.error ? report.error->detail(Audience::everybody) : "";
  }
  // Writes over bytes of a relation's file, as a disk does that lies.
  void damage(const std::string& relation, size_t offset, const std::string& bytes) {
    const std::string file =
        server_.value("SELECT pg_relation_filepath('" + relation + "')", "app");
    server_.stop();
    std::fstream data(server_.data_folder() / file,
                      std::ios::in | std::ios::out | std::ios::binary);
    data.seekp(static_cast<std::streamoff>(offset));
    data.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    data.close();
    ASSERT_TRUE(data);
    server_.start();
  }

  PgCluster server_;
  TempFolder folder_;
  platform::RealClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  AmcheckOptions options_;
  Duration lock_timeout_ = std::chrono::seconds(30);
  std::string said_;  // to the run's log
};

constexpr size_t kPage = 8192;

TEST_F(AmcheckTest, ADatabaseThatIsWholePasses) {
  const auto report = look();
  EXPECT_EQ(code(report), "passed") << detail(report) << said_;
  EXPECT_GE(report.tables, 2U);
  EXPECT_GE(report.indexes, 3U);
  EXPECT_EQ(report.damaged, 0U);
}

TEST_F(AmcheckTest, ADamagedPageOfAnIndexIsFoundAndNamedInTheLogAlone) {
  damage("by_word", kPage + 200, std::string(4000, '\x5a'));
  const auto report = look();
  EXPECT_EQ(code(report), "source_corrupt") << detail(report) << said_;
  EXPECT_EQ(report.damaged, 1U);
  EXPECT_THAT(said_, HasSubstr("damaged: index public.by_word"));
  EXPECT_THAT(said_, Not(HasSubstr("healthy")));
  EXPECT_THAT(said_, Not(HasSubstr("Canary")));
  EXPECT_THAT(detail(report), Not(HasSubstr("by_word")));
}

TEST_F(AmcheckTest, ALibraryThatIsGoneIsNoDamage) {
  server_.execute("UPDATE pg_proc SET probin = '$libdir/gone' WHERE proname = 'bt_index_check'",
                  "app");
  const auto report = look();
  EXPECT_EQ(code(report), "amcheck_unavailable") << detail(report) << said_;
  EXPECT_THAT(detail(report), HasSubstr("does not have the library"));
}

TEST_F(AmcheckTest, ARowThatIsInNoIndexIsFound) {
  server_.execute(
      "UPDATE pg_index SET indisready = false WHERE indexrelid = 'by_word'::regclass; "
      "INSERT INTO orders VALUES (9999, 'Canary-lost'); "
      "UPDATE pg_index SET indisready = true WHERE indexrelid = 'by_word'::regclass",
      "app");
  EXPECT_EQ(code(look()), "source_corrupt");
  EXPECT_THAT(said_, HasSubstr("by_word"));
  EXPECT_THAT(said_, Not(HasSubstr("Canary")));
  options_.heapallindexed = false;
  EXPECT_EQ(code(look()), "passed") << "nobody looked for it";
}

TEST_F(AmcheckTest, ADamagedPageOfATableIsFound) {
  damage("orders", kPage, std::string(100, '\x5a'));
  const auto report = look();
  EXPECT_EQ(code(report), "source_corrupt") << detail(report) << said_;
  EXPECT_THAT(said_, HasSubstr("damaged: table public.orders"));
}

TEST_F(AmcheckTest, AFileThatIsGoneIsDamage) {
  const std::string file = server_.value("SELECT pg_relation_filepath('orders')", "app");
  server_.stop();
  std::filesystem::remove(server_.data_folder() / file);
  server_.start();
  EXPECT_EQ(code(look()), "source_corrupt") << said_;
}

TEST_F(AmcheckTest, ALockThatIsNotGrantedIsNoDamage) {
  lock_timeout_ = std::chrono::milliseconds(100);
  const auto lock = server_.lock_table("orders", "app");
  const auto report = look();
  EXPECT_EQ(code(report), "amcheck_unavailable") << detail(report);
  EXPECT_THAT(detail(report), HasSubstr("55P03"));
}

TEST_F(AmcheckTest, WithoutItsExtensionNothingIsKnown) {
  server_.execute("DROP EXTENSION amcheck", "app");
  const auto report = look();
  EXPECT_EQ(code(report), "amcheck_unavailable");
  EXPECT_THAT(detail(report), HasSubstr("the extension amcheck is not in it"));
}

TEST_F(AmcheckTest, ARoleWithoutTheRightsIsToldSo) {
  server_.create_role("clerk");
  const auto report = look("clerk");
  EXPECT_EQ(code(report), "amcheck_unavailable");
  EXPECT_THAT(detail(report), HasSubstr("vigie grants --role dump"));
}

TEST(NamedRelations, AreThoseOfWholeLinesEachOnce) {
  NamedRelations named;
  named.append("btree index \"app.public.a\":\n    ERROR:  \"x\" is not\nheap table \"app.pub");
  named.append("lic.b\", block 3, offset 4:\n    xmin 7\nheap table \"app.public.b\", block 4:\n");
  named.append("btree index \"cut off");
  EXPECT_THAT(named.names(), ElementsAre("app.public.a", "app.public.b"));
}

TEST(NamedRelations, ALineWithoutEndTakesNoMemory) {
  NamedRelations named;
  named.append("heap table \"");
  for (int i = 0; i < 1000; ++i) named.append(std::string(1000, 'x'));
  named.append("\":\nheap table \"app.public.b\":\n");
  EXPECT_THAT(named.names(), ElementsAre("app.public.b"));
}

}  // namespace
}  // namespace vigie::proof
