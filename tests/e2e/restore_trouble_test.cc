// What goes wrong in the midst of a restore, by the real binary: rows that are not those of the
// backup, a pg_restore that ends with an error, a server that is gone, a cancel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/file_search.h"
#include "tests/support/harmful_source.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/process_watch.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNoDatabaseOfOurs[] = "postgres template0 template1";

class RestoreTroubleTest : public ::testing::Test {
 protected:
  // The source holds what `sql` makes, and one backup of it is there.
  void back_up(const std::string& sql) {
    source_.create_database("app");
    source_.execute(sql, "app");
    host_.configure(source_.dsn("app"), {});
    const Ran ran = host_.run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  std::vector<std::string> words() {
    return {"restore", "run", "--backup", "latest", "--to", target_.dsn("copy")};
  }
  std::string databases() {
    return target_.value("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database");
  }
  std::string evidence() {
    return host_.run({"evidence", "list", "--kind", "restore", "-o", "json"}).out;
  }
  bool staging_is_empty() { return std::filesystem::is_empty(host_.state() / "staging"); }

  PgCluster source_;
  PgCluster target_;
  // A file that the servers' user can make.
  const platform::Path mark_ = source_.socket_folder() / "mark";
  VigieHost host_;
};

TEST_F(RestoreTroubleTest, RowsThatAreNotThoseOfTheBackupAreNotPutInPlace) {
  back_up(kEatsItsRows);
  const Ran ran = host_.run(words());
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("restore_rows_differ"), HasSubstr("public.t")));
  EXPECT_EQ(databases(), kNoDatabaseOfOurs);
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"failed\""), HasSubstr("restore_rows_differ")));
  EXPECT_TRUE(staging_is_empty());
}

TEST_F(RestoreTroubleTest, ALargeObjectOfOtherBytesIsNotPutInPlace) {
  back_up(kChangesItsLargeObject);
  const Ran ran = host_.run(words());
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("restore_rows_differ"), HasSubstr("large object 4711")));
  EXPECT_EQ(databases(), kNoDatabaseOfOurs);
}

TEST_F(RestoreTroubleTest, WhatWasThereStaysWhereRowsDiffer) {
  back_up(kEatsItsRows);
  target_.create_database("copy");
  target_.execute("CREATE TABLE precious AS SELECT 1 AS a", "copy");
  auto with_overwrite = words();
  with_overwrite.insert(with_overwrite.end(), {"--overwrite", "copy"});
  EXPECT_THAT(host_.run(with_overwrite).err, HasSubstr("restore_rows_differ"));
  EXPECT_EQ(target_.value("SELECT a FROM precious", "copy"), "1");
  EXPECT_EQ(databases(), std::string("copy ") + kNoDatabaseOfOurs);
}

// The server quotes the row that it refuses, and pg_restore repeats its words.
TEST_F(RestoreTroubleTest, PgRestoreStopsAtItsFirstErrorAndNobodyQuotesTheRow) {
  back_up(refuses_its_rows("Canary-of-a-row", mark_));
  ASSERT_TRUE(std::filesystem::remove(mark_));
  const Ran ran = host_.run(words());
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("restore_failed"));
  EXPECT_FALSE(std::filesystem::exists(mark_)) << "it went on";
  EXPECT_NE(file_that_holds("pg_restore: error: [", host_.state()), "") << "the run's log";
  EXPECT_EQ(file_that_holds("Canary", host_.state()), "");
  EXPECT_THAT(ran.out + ran.err + evidence(), Not(HasSubstr("Canary")));
  EXPECT_EQ(databases(), kNoDatabaseOfOurs);
  EXPECT_TRUE(staging_is_empty());
}

// Else whoever writes rows would say that nothing is known of the backup.
TEST_F(RestoreTroubleTest, WhatARowSaysDoesNotChooseTheVerdict) {
  back_up(refuses_its_rows("permission denied for out of memory could not load library", mark_));
  ASSERT_TRUE(std::filesystem::remove(mark_));
  const Ran ran = host_.run(words());
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("restore_failed"));
}

TEST_F(RestoreTroubleTest, AServerThatIsGoneEndsTheRestoreAndWhatIsLeftThereIsNamed) {
  back_up(waits_when_restored("app", mark_));
  host_.start(words());
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(mark_); }, std::chrono::minutes(1)))
      << host_.log();
  target_.kill9();
  EXPECT_EQ(host_.wait(), 3) << host_.log();
  EXPECT_TRUE(staging_is_empty());
  EXPECT_THAT(evidence(), AllOf(HasSubstr("restore_left_behind"), HasSubstr("\"could_not_verify\""),
                                Not(HasSubstr("\"failed\""))));
  target_.start();
  const std::string left = target_.value("SELECT datname FROM pg_database WHERE datname ~ 'vigie'");
  EXPECT_EQ(databases(), std::string(kNoDatabaseOfOurs) + " " + left);
  EXPECT_THAT(evidence(), HasSubstr(left));
}

// A superuser's session keeps a role that is none from dropping the database.
TEST_F(RestoreTroubleTest, WhatSpeaksAgainstTheBackupOutweighsWhatIsLeftBehind) {
  back_up(kEatsItsRowsWhenToldTo);
  target_.create_role("weak", "CREATEDB");
  auto as_weak = words();
  as_weak.back() = target_.dsn("copy", "weak");
  as_weak.emplace_back("--no-owner");
  host_.start(as_weak);
  std::string made;
  ASSERT_TRUE(eventually(
      [&] {
        made = target_.value(
            "SELECT datname FROM pg_stat_activity WHERE datname ~ '^vigie' AND wait_event = "
            "'PgSleep'");
        return !made.empty();
      },
      std::chrono::minutes(1)))
      << host_.log();
  const auto stays =
      platform::make_pg_connector()->connect(target_.named_dsn(made), "stays", no_limits());
  ASSERT_TRUE(stays.has_value());
  target_.create_database("go");
  EXPECT_EQ(host_.wait(), 1) << host_.log();
  EXPECT_THAT(host_.log(), HasSubstr("restore_rows_differ"));
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"failed\""), HasSubstr("restore_rows_differ"),
                                HasSubstr("the database " + made + " is left")));
}

// Called off while its pg_restore is at work.
class CancelledRestoreTest : public RestoreTroubleTest {
 protected:
  void SetUp() override {
    source_.create_role("clerk");
    back_up(waits_when_restored("app", mark_));
  }
  bool is_at_work() {
    return eventually([&] { return contents(mark_).ends_with('\n'); }, std::chrono::minutes(1));
  }
  void expect_nothing_left() {
    EXPECT_TRUE(processes_of("pg_restore", target_.socket_folder().string()).empty());
    EXPECT_EQ(databases(), kNoDatabaseOfOurs);
    EXPECT_TRUE(staging_is_empty());
  }
  std::string roles() {
    return target_.value(
        "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'");
  }
  std::string ends() {
    return host_.run({"evidence", "list", "--kind", "run_ended", "-o", "jsonl"}).out;
  }
};

TEST_F(CancelledRestoreTest, CtrlCUndoesWhatWasBegunAndSaysSo) {
  host_.start(words());
  ASSERT_TRUE(is_at_work()) << host_.log();
  ASSERT_FALSE(processes_of("pg_restore", target_.socket_folder().string()).empty());
  host_.signal(SIGINT);
  EXPECT_EQ(host_.wait(), 130) << host_.log();
  EXPECT_THAT(host_.log(), AllOf(HasSubstr("cancelling the run, which removes what it has made"),
                                 HasSubstr("code cancelled"), Not(HasSubstr("left"))));
  expect_nothing_left();
  EXPECT_EQ(roles(), "postgres");
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"could_not_verify\""), HasSubstr("\"cancelled\""),
                                Not(HasSubstr("\"passed\"")), Not(HasSubstr("\"failed\""))));
  EXPECT_THAT(ends(), HasSubstr("interrupted by a signal"));
}

TEST_F(CancelledRestoreTest, ByTheApiOfADaemonItIsUndoneAndTheEvidenceSaysWhy) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  auto without_waiting = words();
  without_waiting.emplace_back("--no-wait");
  const Ran started = host_.run(without_waiting);
  ASSERT_EQ(started.status, 0) << started.err;
  const std::string run = started.out.substr(0, started.out.find('\n'));
  ASSERT_TRUE(is_at_work()) << host_.log();
  EXPECT_EQ(host_.ask("/v1/runs/" + run, "DELETE", R"({"reason":"wrong target"})").status, 202);
  EXPECT_TRUE(
      eventually([&] { return host_.state_of(run) == "cancelled"; }, std::chrono::minutes(1)))
      << host_.log();
  expect_nothing_left();
  EXPECT_EQ(roles(), "postgres");
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"cancelled\""), Not(HasSubstr("\"passed\""))));
  EXPECT_THAT(ends(), HasSubstr(R"("cancel_reason":"wrong target")"));
}

// What it has made is left, and told by the next one.
TEST_F(CancelledRestoreTest, AKillLeavesNothingAtWork) {
  host_.start(words());
  ASSERT_TRUE(is_at_work()) << host_.log();
  const ProcessWatch session(std::stoi(contents(mark_)));
  host_.signal(SIGKILL);
  EXPECT_EQ(host_.wait(), 137);
  EXPECT_TRUE(eventually(
      [&] { return processes_of("pg_restore", target_.socket_folder().string()).empty(); }));
  // Before PostgreSQL 14 a session that works never looks for its client.
  if (target_.major() >= 14) {
    EXPECT_TRUE(session.ends_within(std::chrono::minutes(1)));
  }
  EXPECT_THAT(databases(), HasSubstr("vigie_restore_"));
  EXPECT_EQ(host_.run({"backup", "verify", "--all"}).status, 0);
  EXPECT_TRUE(staging_is_empty()) << "the next start has emptied it";
  EXPECT_THAT(host_.run({"evidence", "list", "--kind", "interrupted", "-o", "json"}).out,
              HasSubstr("\"restore\""));
}

// They are the whole server's: who needs them by now is not known.
TEST_F(CancelledRestoreTest, RolesThatWereMadeStayAndTheEvidenceCountsThem) {
  auto with_roles = words();
  with_roles.emplace_back("--globals");
  host_.start(with_roles);
  ASSERT_TRUE(is_at_work()) << host_.log();
  host_.signal(SIGINT);
  EXPECT_EQ(host_.wait(), 130) << host_.log();
  expect_nothing_left();
  EXPECT_EQ(roles(), "clerk postgres");
  EXPECT_THAT(evidence(), HasSubstr("roles of the backup were made, and stay: 1"));
}

TEST_F(CancelledRestoreTest, OnABareMachineNoRowIsLeftInTheWorkFolder) {
  const TempFolder work;
  host_.start({"restore", "run", "--from", host_.store().string(), "--to", target_.dsn("copy"),
               "--work-dir", work.path().string(), "--bindir", pg_bindir().string()});
  ASSERT_TRUE(is_at_work()) << host_.log();
  ASSERT_FALSE(std::filesystem::is_empty(work.path()));
  host_.signal(SIGINT);
  EXPECT_EQ(host_.wait(), 130) << host_.log();
  EXPECT_THAT(host_.log(), HasSubstr("code cancelled"));
  EXPECT_TRUE(std::filesystem::is_empty(work.path()));
  expect_nothing_left();
}

}  // namespace
}  // namespace vigie::testing
