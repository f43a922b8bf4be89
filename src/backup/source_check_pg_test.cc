#include <gtest/gtest.h>

#include <algorithm>

#include "artefact/copy_rows.h"
#include "backup/source_session.h"
#include "tests/support/pg_cluster.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

class SourceCheckTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { cluster_ = std::make_unique<testing::PgCluster>(); }
  static void TearDownTestSuite() { cluster_.reset(); }

  void SetUp() override {
    cluster_->execute("drop database if exists app with (force)");
    cluster_->create_database("app");
    cluster_->execute(
        "create table orders(id int primary key, note text);"
        "insert into orders select i, 'note ' || i from generate_series(1, 100) i;"
        "create table nothing();"
        "create table \"wei\"\"rd\nname\"(a int, b int generated always as (a * 2) stored);"
        "insert into \"wei\"\"rd\nname\"(a) values (1), (2)",
        "app");
  }

  CallLimits limits() const { return {clock_.monotonic() + 60s, {}}; }
  SourceSession open() {
    return *SourceSession::open(*connector_, cluster_->named_dsn("app"), "test", clock_, limits());
  }
  // What a dump that is right would hold.
  std::vector<artefact::TableEntry> dumped(const SourceSession& source) const {
    std::vector<artefact::TableEntry> tables;
    for (const SourceRelation& one : source.facts().tables) {
      artefact::TableEntry table;
      table.oid = one.oid;
      table.rows.rows = one.name == "orders" ? 100 : one.name == "nothing" ? 0 : 2;
      tables.push_back(table);
    }
    return tables;
  }
  Result<artefact::SourceCheck> check(SourceSession& source, SourceCheck mode,
                                      const std::vector<artefact::TableEntry>& tables) {
    const auto rows = read_source_rows(source, mode, {}, limits());
    return compare_with_source(source, "app", mode, rows, tables, limits());
  }
  Result<artefact::SourceCheck> counts(SourceSession& source,
                                       const std::vector<artefact::TableEntry>& tables) {
    return check(source, SourceCheck::counts, tables);
  }

  // The rows of the only table are this text.
  void expect_full(SourceSession& source, std::string_view text) {
    const artefact::FingerprintKey key = artefact::new_fingerprint_key();
    artefact::RowCounter expected(key);
    expected.add(text);
    const auto rows = read_source_rows(source, SourceCheck::full, key, limits());
    ASSERT_TRUE(rows) << rows.error().detail(Audience::operators);
    EXPECT_EQ(rows->begin()->second, expected.summary());
  }

  static std::unique_ptr<testing::PgCluster> cluster_;
  platform::RealClock clock_;
  std::unique_ptr<platform::PgConnector> connector_ = platform::make_pg_connector();
};
std::unique_ptr<testing::PgCluster> SourceCheckTest::cluster_;

TEST_F(SourceCheckTest, PassesWhenTheCountsAreEqual) {
  auto source = open();
  EXPECT_EQ(counts(source, dumped(source))->result, "passed");
}

TEST_F(SourceCheckTest, DoesNotSeeRowsThatCameAfterTheSnapshot) {
  auto source = open();
  cluster_->execute("insert into orders values (101, 'later')", "app");
  EXPECT_EQ(counts(source, dumped(source))->result, "passed");
}

TEST_F(SourceCheckTest, FailsWhenADumpHoldsARowLess) {
  auto source = open();
  auto tables = dumped(source);
  tables[0].rows.rows -= 1;
  const Error error = counts(source, tables).error();
  EXPECT_EQ(error.code(), ErrorCode::source_rows_differ);
  const std::string name = source.facts().tables[0].qualified();
  EXPECT_NE(error.detail(Audience::operators).find(name), std::string::npos);
  EXPECT_EQ(error.detail(Audience::everybody).find(name), std::string::npos);
}

TEST_F(SourceCheckTest, FailsWhenATableIsMissingFromTheDump) {
  auto source = open();
  auto tables = dumped(source);
  tables.pop_back();
  EXPECT_EQ(counts(source, tables).error().code(), ErrorCode::source_rows_differ);
}

TEST_F(SourceCheckTest, ATableThatWasTruncatedMeanwhileProvesNothing) {
  auto source = open();
  const auto tables = dumped(source);
  cluster_->execute("truncate orders", "app");
  EXPECT_EQ(counts(source, tables)->result, "could_not_verify");
}

TEST_F(SourceCheckTest, ATableThatWasDroppedMeanwhileProvesNothing) {
  auto source = open();
  const auto tables = dumped(source);
  cluster_->execute("drop table orders", "app");
  EXPECT_EQ(counts(source, tables)->result, "could_not_verify");
}

TEST_F(SourceCheckTest, FullComparesFingerprintsToo) {
  auto source = open();
  auto tables = dumped(source);
  // The counts are right and the fingerprints are not: these entries have none.
  EXPECT_EQ(check(source, SourceCheck::full, tables).error().code(), ErrorCode::source_rows_differ);
}

TEST_F(SourceCheckTest, ASourceThatCannotBeAskedAgainIsNoProofOfDamage) {
  auto source = open();
  auto tables = dumped(source);
  tables[0].rows.rows -= 1;
  const auto rows = read_source_rows(source, SourceCheck::counts, {}, limits());
  cluster_->execute(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'test'");
  const auto check =
      compare_with_source(source, "app", SourceCheck::counts, rows, tables, limits());
  EXPECT_EQ(check->result, "could_not_verify");
}

TEST_F(SourceCheckTest, WhoStopsItMeanwhileHasCancelledIt) {
  auto source = open();
  std::stop_source stop;
  stop.request_stop();
  const CallLimits stopped{clock_.monotonic() + 60s, stop.get_token()};
  const auto rows = read_source_rows(source, SourceCheck::counts, {}, stopped);
  const auto check =
      compare_with_source(source, "app", SourceCheck::counts, rows, dumped(source), stopped);
  EXPECT_EQ(check.error().code(), ErrorCode::cancelled);
}

TEST_F(SourceCheckTest, KeepsNobodyFromATableThatWasRead) {
  for (const SourceCheck mode : {SourceCheck::counts, SourceCheck::full}) {
    auto source = open();
    ASSERT_TRUE(read_source_rows(source, mode, {}, limits()));
    EXPECT_EQ(
        cluster_->value("select count(*) from pg_locks l join pg_class c on c.oid = l.relation "
                        "where c.relname like 'orders%' and l.pid <> pg_backend_pid()",
                        "app"),
        "0");
  }
}

// Its names and rows are bytes that are no UTF-8.
TEST_F(SourceCheckTest, ReadsADatabaseWithoutAnEncoding) {
  cluster_->execute("drop database if exists bytes with (force)");
  cluster_->execute("create database bytes template template0 encoding 'SQL_ASCII' locale 'C'");
  cluster_->execute(
      "do $$ begin execute format('create table %I as select %L::text t', convert_from('\\xe9', "
      "'SQL_ASCII'), convert_from('\\xe8', 'SQL_ASCII')); end $$",
      "bytes");
  auto source =
      SourceSession::open(*connector_, cluster_->named_dsn("bytes"), "test", clock_, limits());
  ASSERT_TRUE(source) << source.error().detail(Audience::operators);
  EXPECT_EQ(source->facts().tables.at(0).name, "\xe9");
  expect_full(*source, "\xe8\n");
}

TEST_F(SourceCheckTest, ReadsALatin1DatabaseInItsOwnEncoding) {
  cluster_->execute("drop database if exists latin with (force)");
  cluster_->execute("create database latin template template0 encoding 'LATIN1' locale 'C'");
  cluster_->execute(
      "do $$ begin execute format('create table %I as select chr(232) t', chr(233)); end $$",
      "latin");
  auto source =
      SourceSession::open(*connector_, cluster_->named_dsn("latin"), "test", clock_, limits());
  ASSERT_TRUE(source);
  expect_full(*source, "\xe8\n");
}

TEST_F(SourceCheckTest, ASequenceThatTheRoleMayNotReadIsSeen) {
  cluster_->execute(
      "do $$ begin create role reader login; exception when duplicate_object then null; end $$");
  cluster_->execute(
      "create sequence numbers; grant select on all tables in schema public to reader", "app");
  const auto source = SourceSession::open(*connector_, cluster_->named_dsn("app", "reader"), "test",
                                          clock_, limits());
  ASSERT_TRUE(source);
  EXPECT_EQ(source->facts().unreadable_sequences, 1U);
  EXPECT_EQ(source->facts().unreadable_sequence, "public.numbers");
}

TEST_F(SourceCheckTest, ReadsWhatTheServerSaysOfItself) {
  const auto source = open();
  const SourceFacts& facts = source.facts();
  EXPECT_EQ(facts.major(), cluster_->major());
  EXPECT_EQ(facts.server.encoding, "UTF8");
  EXPECT_TRUE(facts.superuser);
  EXPECT_FALSE(facts.pooled);
  EXPECT_FALSE(facts.server.system_identifier.empty());
  EXPECT_EQ(facts.tables.size(), 3U);
  EXPECT_FALSE(source.id().empty());
}

TEST_F(SourceCheckTest, WhatIsNotIncludedIsNamedUpToABoundAndCountedBeyond) {
  cluster_->execute(
      "do $$ begin for i in 1..1003 loop execute format('create materialized view m%s as select 1 "
      "with no data', i); end loop; end $$",
      "app");
  const auto source = open();
  EXPECT_EQ(source.facts().not_included.size(), kMaxNotIncluded);
  EXPECT_EQ(source.facts().not_included_more, 3U);
}

TEST_F(SourceCheckTest, ARoleWithoutRightsSeesThatItMayNotRead) {
  cluster_->execute(
      "do $$ begin create role reader login; exception when duplicate_object then null; end $$");
  const auto source = SourceSession::open(*connector_, cluster_->named_dsn("app", "reader"), "test",
                                          clock_, limits());
  ASSERT_TRUE(source);
  for (const SourceRelation& table : source->facts().tables)
    EXPECT_FALSE(table.readable) << table.name;
}

TEST_F(SourceCheckTest, RowSecurityIsSeenByTheRoleThatItHidesRowsFrom) {
  cluster_->execute(
      "do $$ begin create role reader login; exception when duplicate_object then null; end $$");
  cluster_->execute(
      "grant select on orders to reader; alter table orders enable row level security", "app");
  const auto source = SourceSession::open(*connector_, cluster_->named_dsn("app", "reader"), "test",
                                          clock_, limits());
  ASSERT_TRUE(source);
  EXPECT_TRUE(std::ranges::any_of(source->facts().tables, &SourceRelation::row_security));
}

}  // namespace
}  // namespace vigie::backup
