// What a restored database holds, against what the backup holds: every way in which they may
// differ.
#include "proof/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "artefact/row_settings.h"
#include "artefact/table_rows.h"
#include "platform/clock.h"
#include "proof/restore.h"
#include "tests/support/hanging_server.h"
#include "tests/support/pg_cluster.h"

namespace vigie::proof {
namespace {

using ::testing::IsEmpty;
using testing::PgCluster;

constexpr artefact::FingerprintKey kKey{1, 2, 3};
constexpr std::chrono::seconds kAllowed{5};
constexpr std::chrono::seconds kPatience{10};

class Compare : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PgCluster>(); }
  static void TearDownTestSuite() { server_.reset(); }

  // A database, and a manifest of what it holds now.
  Compare() {
    server_->create_database("app");
    server_->execute(
        "CREATE TABLE one AS SELECT g AS id, 'row ' || g AS t FROM generate_series(1, 1000) g;"
        "CREATE TABLE \"T\"\"wo\"(i int); INSERT INTO \"T\"\"wo\" VALUES (1), (1), (NULL);"
        "CREATE TABLE empty(i int)",
        "app");
    manifest_.server.encoding = "UTF8";
    manifest_.server.lc_monetary = server_->value("SHOW lc_monetary", "app");
    manifest_.fingerprint_key = kKey;
    const platform::RealClock clock;
    const CallLimits limits{clock.monotonic() + std::chrono::minutes(1), {}};
    const auto session = *connector_->connect(server_->named_dsn("app"), "test", limits);
    EXPECT_TRUE(session->query(artefact::row_settings_sql(artefact::row_settings(manifest_.server)),
                               limits));
    for (const char* name : {"one", "T\"wo", "empty"}) {
      const std::string quoted = "public." + platform::quote_identifier(name);
      manifest_.tables.push_back(
          {0, "public", name, name,
           *artefact::read_rows(*session, quoted, {}, "UTF8", kKey, limits)});
    }
  }
  ~Compare() override { server_->execute("DROP DATABASE app WITH (FORCE)"); }

  Result<Comparison> compare_by(platform::PgConnector& connector, const Work& work) {
    CompareRequest request{manifest_, {}, server_->named_dsn("app"), "test", 2};
    for (const artefact::TableEntry& one : manifest_.tables) request.tables.push_back(&one);
    return compare_rows(connector, request, work);
  }
  Comparison compare() {
    auto comparison = compare_by(*connector_, Work());
    EXPECT_TRUE(comparison) << comparison.error().detail(Audience::operators);
    return comparison.value_or(Comparison());
  }
  // That a change of the database is found in one table.
  void expect_found(const std::string& sql, const std::string& table,
                    std::optional<uint64_t> rows) {
    server_->execute(sql, "app");
    const Comparison comparison = compare();
    ASSERT_EQ(comparison.differences.size(), 1U) << sql;
    const TableDifference& found = comparison.differences.front();
    EXPECT_EQ(found.table, table);
    EXPECT_EQ(found.actual ? std::optional(found.actual->rows) : std::nullopt, rows);
  }

  std::unique_ptr<platform::PgConnector> connector_ = platform::make_pg_connector();
  artefact::Manifest manifest_;
  static std::unique_ptr<PgCluster> server_;
};

std::unique_ptr<PgCluster> Compare::server_;

TEST_F(Compare, WhatIsEqualIsEqual) {
  const Comparison comparison = compare();
  EXPECT_THAT(comparison.differences, IsEmpty());
  EXPECT_EQ(comparison.tables, 3U);
  EXPECT_EQ(comparison.rows, 1003U);
}

TEST_F(Compare, AChangedRowIsFoundThoughTheNumberIsRight) {
  expect_found("UPDATE one SET t = 'row 8' WHERE id = 7", "public.one", 1000);
}

TEST_F(Compare, ALostRowIsFound) {
  expect_found("DELETE FROM one WHERE id = 7", "public.one", 999);
}

TEST_F(Compare, ARowMoreIsFoundInATableThatWasEmpty) {
  expect_found("INSERT INTO empty VALUES (NULL)", "public.empty", 1);
}

TEST_F(Compare, ARowThatIsThereTwiceInPlaceOfAnotherIsFound) {
  expect_found("DELETE FROM \"T\"\"wo\" WHERE i IS NULL; INSERT INTO \"T\"\"wo\" VALUES (1)",
               "public.T\"wo", 3);
}

TEST_F(Compare, ATableThatIsNotThereIsFound) {
  expect_found("DROP TABLE one", "public.one", std::nullopt);
}

TEST_F(Compare, ADatabaseThatIsNotThereIsAnError) {
  CompareRequest request{
      manifest_, {&manifest_.tables[0]}, server_->named_dsn("nowhere"), "test", 2};
  const auto comparison = compare_rows(*connector_, request, Work());
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.error().code(), ErrorCode::database_missing);
}

// Both sessions are over then, and nothing is known of the backup.
TEST_F(Compare, AServerThatHangsEndsWithTheWork) {
  testing::HangingServer hangs(*connector_, "copy \"public\".\"one\"");
  Work work;
  work.deadline = MonoTime::clock::now() + kAllowed;
  const auto compared = compare_by(hangs, work);
  EXPECT_LT(MonoTime::clock::now(), work.deadline + kPatience);
  ASSERT_TRUE(hangs.hung());
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code(), ErrorCode::database_timeout);
  EXPECT_EQ(verdict_on_backup(compared.error()), Verdict::could_not_verify);
}

TEST_F(Compare, AServerThatHangsEndsWhenItIsStopped) {
  std::stop_source stop;
  testing::HangingServer hangs(*connector_, "copy \"public\".\"one\"",
                               [&] { stop.request_stop(); });
  Work work;
  work.stop = stop.get_token();
  const MonoTime began = MonoTime::clock::now();
  const auto compared = compare_by(hangs, work);
  EXPECT_LT(MonoTime::clock::now(), began + kPatience);
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace vigie::proof
