// The witness that observes, against a real server that restarts, loses rows, or is another one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/faulty_file_system.h"
#include "tests/support/observed_server.h"

namespace vigie::proof {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ObserverTest : public testing::ObservedServer {};

TEST_F(ObserverTest, AKillBetweenTwoRowsIsSeenAndEveryRowIsThere) {
  write(3);
  EXPECT_TRUE(seen_.empty()) << "nothing has restarted";
  server_.kill9();
  server_.start();
  notice();
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(code(), "passed");
  const Observation& seen = seen_.front();
  EXPECT_EQ(seen.report.verdict->acknowledged, 3u);
  EXPECT_NE(seen.before->postmaster_started_at, seen.after.postmaster_started_at);
  EXPECT_EQ(seen.before->cluster, seen.after.cluster);
  EXPECT_GT(seen.report.durations.at("down"), Duration{0});
  EXPECT_FALSE(seen.node);
  EXPECT_EQ(view_.rows, 4u);
  EXPECT_EQ(view_.restarts, 1u);
  write(2);
  EXPECT_EQ(seen_.size(), 1u) << "one restart, one entry";
}

TEST_F(ObserverTest, ARowThatIsGoneIsNamedAndTheNextRestartCountsAgain) {
  write(3);
  const std::string wrong = table();
  server_.stop(testing::PgStop::immediate);
  server_.execute_alone("DELETE FROM " + wrong + " WHERE seq = 2", "vigie_witness");
  server_.start();
  notice();
  EXPECT_EQ(code(), "durability_lost");
  EXPECT_THAT(seen_.back().report.verdict->lost, ElementsAre(WitnessRow{1, 2}));
  EXPECT_THAT(table(), HasSubstr(wrong)) << "it stays for whoever looks";
  EXPECT_EQ(logs().size(), 2u);
  server_.stop();
  server_.start();
  notice();
  EXPECT_EQ(code(), "passed");
  EXPECT_THAT(table(), HasSubstr(wrong));
}

TEST_F(ObserverTest, ARowThatWasChangedIsNamed) {
  write(3);
  server_.execute("UPDATE " + table() + " SET content = 'x' WHERE seq = 3", "vigie_witness");
  server_.stop();
  server_.start();
  notice();
  EXPECT_EQ(code(), "durability_lost");
  EXPECT_THAT(seen_.back().report.verdict->changed, ElementsAre(WitnessRow{1, 3}));
}

TEST_F(ObserverTest, AServerThatIsPutBackToAnEarlierCopyHasLostTheRowsSince) {
  write(2);
  server_.stop();
  const auto copy = copy_of_server();
  server_.start();
  notice();
  EXPECT_EQ(code(), "passed");
  write(3);
  server_.stop();
  put_server_back(copy);
  server_.start();
  notice();
  EXPECT_EQ(code(), "durability_lost");
  EXPECT_EQ(seen_.back().report.verdict->lost.size(), 4u);
  EXPECT_EQ(seen_.back().report.verdict->present, 2u);
}

TEST_F(ObserverTest, ARestartOfTheServerWhileThisProcessWasAwayIsCompared) {
  write(3);
  observer_.reset();
  server_.kill9();
  server_.start();
  begin();
  write(1);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(code(), "passed");
  EXPECT_EQ(seen_.front().report.verdict->acknowledged, 3u);
  EXPECT_THAT(seen_.front().report.deviations, Contains(HasSubstr("not at work all the time")));
  begin();
  write(1);
  EXPECT_EQ(seen_.size(), 1u) << "only this process has restarted";
}

TEST_F(ObserverTest, ARestartOfTheMachineIsAProofOfItsOwn) {
  write(2);
  observer_.reset();
  server_.stop();
  server_.start();
  boot_id_ = "boot-2";
  begin();
  write(1);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_TRUE(seen_.front().node);
  EXPECT_EQ(seen_.front().before->boot_id, "boot-1");
  EXPECT_EQ(seen_.front().after.boot_id, "boot-2");
  EXPECT_THAT(seen_.front().report.deviations, Contains(HasSubstr("can forget both")));
}

TEST_F(ObserverTest, ARestartWithoutARowBeforeItProvesNothing) {
  write(1);
  observer_.reset();
  const auto log = folder_ / "witness" / logs().front();
  const std::string head = testing::contents(log).substr(0, testing::contents(log).find('\n') + 1);
  ASSERT_TRUE(platform::write_file_replace(*files_, log, head));
  server_.stop();
  server_.start();
  begin();
  write(1);
  EXPECT_EQ(code(), "durability_unobserved");
}

TEST_F(ObserverTest, AnotherServerIsNoRestart) {
  write(2);
  observer_.reset();
  std::string text = state();
  const std::string own = server_.value("SELECT system_identifier FROM pg_control_system()");
  text.replace(text.find(own), own.size(), "4711");
  ASSERT_TRUE(platform::write_file_replace(*files_, folder_ / "witness/observed.observed", text));
  begin();
  write(1);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(code(), "durability_unobserved");
  EXPECT_THAT(seen_.front().report.error->detail(Audience::everybody), HasSubstr("4711"));
  write(1);
  EXPECT_EQ(seen_.size(), 1u);
}

// As where the dsn leads to whichever server takes rows.
TEST_F(ObserverTest, AServerThatWasPromotedMeanwhileShowsNothingOfTheOtherOnesDisk) {
  write(2);
  server_.stop();
  std::ofstream(server_.data_folder() / "standby.signal").flush();
  server_.start();
  server_.execute("SELECT pg_promote()");
  notice();
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(code(), "durability_unobserved");
  EXPECT_THAT(seen_.front().report.error->detail(Audience::everybody), HasSubstr("timeline"));
  EXPECT_TRUE(seen_.front().report.verdict->holds());
}

TEST_F(ObserverTest, RowsThatAPromotedServerDoesNotHaveAreLost) {
  write(2);
  server_.execute("DELETE FROM " + table() + " WHERE seq = 2", "vigie_witness");
  server_.stop();
  std::ofstream(server_.data_folder() / "standby.signal").flush();
  server_.start();
  server_.execute("SELECT pg_promote()");
  notice();
  EXPECT_EQ(code(), "durability_lost");
  EXPECT_THAT(seen_.front().report.deviations, Contains(HasSubstr("timeline")));
}

TEST_F(ObserverTest, WithoutFsyncNothingIsGreenNorForWhatWasWrittenWithoutIt) {
  server_.execute("ALTER SYSTEM SET fsync = off");
  server_.execute("SELECT pg_reload_conf()");
  server_.stop();
  server_.start();
  write(2);
  server_.execute("ALTER SYSTEM RESET fsync");
  server_.stop();
  server_.start();
  notice();
  EXPECT_EQ(code(), "durability_unsafe");
  server_.stop();
  server_.start();
  notice();
  EXPECT_EQ(code(), "passed");
}

TEST_F(ObserverTest, NeitherTableNorLogGrowsForEver) {
  most_rows_ = 3;
  begin();
  write(10);
  EXPECT_TRUE(seen_.empty());
  EXPECT_EQ(logs().size(), 1u);
  EXPECT_THAT(table(), ::testing::Not(HasSubstr(","))) << "one table";
  EXPECT_LE(std::stoi(server_.value("SELECT count(*) FROM " + table(), "vigie_witness")), 3);
  server_.kill9();
  server_.start();
  notice();
  EXPECT_EQ(code(), "passed");
}

TEST_F(ObserverTest, ATableThatWasDroppedIsALoss) {
  write(2);
  server_.execute("DROP TABLE " + table(), "vigie_witness");
  notice();
  EXPECT_EQ(code(), "durability_lost");
  EXPECT_THAT(seen_.back().report.deviations, Contains(HasSubstr("no restart was seen")));
  write(1);
  EXPECT_EQ(seen_.size(), 1u);
}

TEST_F(ObserverTest, WhatItHasNotedAndCannotReadIsToldOnceAndItBeginsAnew) {
  for (const bool of_log : {true, false}) {
    seen_.clear();
    write(2);
    observer_.reset();
    const auto damaged = folder_ / "witness" / (of_log ? logs().front() : "observed.observed");
    ASSERT_TRUE(platform::write_file_replace(*files_, damaged, "x\n"));
    begin();
    write(2);
    EXPECT_EQ(seen_.size(), 1u);
    EXPECT_EQ(code(), "durability_unobserved");
  }
}

TEST_F(ObserverTest, ACommitWhoseAnswerIsLostIsNeitherLostNorNeverSent) {
  write(1);
  connector_.lose_next();
  EXPECT_FALSE(observer_->step({}));
  for (const bool started_anew : {false, true}) {
    if (started_anew) begin();
    write(1);
    const auto compared = observer_->compare_now({});
    ASSERT_TRUE(compared);
    EXPECT_TRUE(compared->verdict->holds());
    EXPECT_EQ(compared->verdict->indeterminate_there, 1u);
  }
}

TEST_F(ObserverTest, AComparisonThatIsAskedForPassesOnlyAfterARestart) {
  write(2);
  const auto before = observer_->compare_now({});
  ASSERT_TRUE(before);
  EXPECT_EQ(before->error->code(), ErrorCode::durability_unobserved);
  EXPECT_TRUE(seen_.empty()) << "it is no evidence";
  server_.stop();
  server_.start();
  notice();
  const auto after = observer_->compare_now({});
  ASSERT_TRUE(after);
  EXPECT_FALSE(after->error);
  ASSERT_EQ(seen_.size(), 2u);
  EXPECT_TRUE(seen_.back().before.has_value());
}

TEST_F(ObserverTest, AServerThatIsDownIsToldOnce) {
  write(1);
  server_.stop();
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(observer_->step({}));
  EXPECT_THAT(told_, ElementsAre("database_unreachable"));
  EXPECT_TRUE(view_.not_observing_since.has_value());
  server_.start();
  write(1);
  EXPECT_THAT(told_, ElementsAre("database_unreachable", "writes"));
  EXPECT_FALSE(view_.not_observing_since.has_value());
}

TEST_F(ObserverTest, WithoutADatabaseOfItsOwnItSaysSo) {
  server_.execute("DROP DATABASE vigie_witness");
  const auto written = observer_->step({});
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code(), ErrorCode::witness_missing);
}

// Power fails at every call while generations come and go: afterwards every acknowledged row is
// there for the comparison, and nothing is left that nobody knows of.
TEST_F(ObserverTest, WhateverItWasDoingWhenThePowerFailedItGoesOn) {
  most_rows_ = 2;
  size_t calls = 1;
  for (size_t at = 0; at < calls; ++at) {
    std::filesystem::remove_all(folder_ / "witness");
    server_.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public", "vigie_witness");
    seen_.clear();
    testing::FaultyFileSystem faulty(folder_.path());
    files_ = &faulty;
    begin();
    faulty.fail_from(at, testing::Fault::power);
    for (int i = 0; i < 5; ++i) (void)observer_->step({});
    calls = faulty.failed() == 0 ? 0 : at + 2;
    observer_.reset();
    faulty.crash(at);
    begin();
    write(3);
    const auto compared = observer_->compare_now({});
    ASSERT_TRUE(compared) << at;
    EXPECT_TRUE(compared->verdict->holds()) << "power failed at call " << at;
    EXPECT_TRUE(seen_.empty() ||
                seen_.front().report.error->code() == ErrorCode::durability_unobserved)
        << at << code();
    EXPECT_EQ(logs().size(), 1u) << at;
    EXPECT_THAT(table(), ::testing::Not(HasSubstr(","))) << at;
    observer_.reset();
  }
  files_ = &platform::real_file_system();
}

}  // namespace
}  // namespace vigie::proof
