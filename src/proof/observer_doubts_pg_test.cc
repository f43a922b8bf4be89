// What a witness that observes must see although no postmaster has restarted, and what it must not
// take for a proof, or for the server's loss.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "tests/support/observed_server.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;

class ObserverDoubts : public testing::ObservedServer {};

TEST_F(ObserverDoubts, ASettingThatWasOffForAWhileWithinASessionIsRemembered) {
  for (const char* setting : {"fsync", "full_page_writes", "synchronous_commit"}) {
    write(1);
    configure_server(std::string("SET ") + setting + " = off");
    // Whoever reloads does not wait until the sessions have heard of it.
    write_until([&] { return state().find(setting) != std::string::npos; });
    configure_server(std::string("RESET ") + setting);
    write(1);
    begin();  // it must be durable
    server_.stop();
    server_.start();
    write(1);
    EXPECT_EQ(code(), "durability_unsafe") << setting;
    EXPECT_EQ(seen_.back().report.error->parameter("reason"), setting);
    EXPECT_THAT(seen_.back().report.deviations, Contains(HasSubstr("is on again")));
    server_.stop();
    server_.start();
    notice();
    EXPECT_EQ(code(), "passed") << "what was written since";
  }
}

TEST_F(ObserverDoubts, AWitnessThatHadCeasedLongBeforeTheRestartHasSeenNothing) {
  write(3);
  clock_.later += 1h;
  server_.kill9();
  server_.start();
  notice();
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(code(), "durability_unobserved");
  EXPECT_TRUE(seen_.front().report.verdict->holds());
  EXPECT_GE(seen_.front().report.durations.at("last_row_age"), 59min);
  const auto asked = observer_->compare_now({});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->error->code(), ErrorCode::durability_unobserved) << "there was no other restart";
}

TEST_F(ObserverDoubts, TheMachineMayTakeLongerToStartThanAServer) {
  write(3);
  observer_.reset();
  clock_.later += 4min;
  server_.stop();
  server_.start();
  boot_id_ = "boot-2";
  begin();
  write(1);
  EXPECT_EQ(code(), "passed");
  EXPECT_TRUE(seen_.back().node);
}

// One process of the server dies by a signal: the others are ended, and the same postmaster
// recovers from the WAL.
TEST_F(ObserverDoubts, ACrashRecoveryUnderTheSamePostmasterIsSeenAndIsNoRestart) {
  for (const bool away : {false, true}) {
    seen_.clear();
    write(3);
    if (away) observer_.reset();
    const auto victim =
        postgres_->connect(server_.named_dsn(), "victim", {clock_.monotonic() + 10s, {}});
    ASSERT_TRUE(victim);
    EXPECT_EQ(server_.signal_backends("victim", SIGKILL), 1);
    if (away) begin();
    step_until_it_is_seen();
    ASSERT_EQ(seen_.size(), 1u);
    EXPECT_EQ(code(), "passed");
    EXPECT_EQ(seen_.front().before->postmaster_started_at,
              seen_.front().after.postmaster_started_at);
    EXPECT_NE(seen_.front().before->statistics_began_at, seen_.front().after.statistics_began_at);
    EXPECT_TRUE(seen_.front().recovery);
    EXPECT_FALSE(seen_.front().node);
    EXPECT_THAT(seen_.front().report.shows, HasSubstr("the same postmaster"));
    write(1);
    EXPECT_EQ(seen_.size(), 1u) << "one recovery, one entry";
  }
}

TEST_F(ObserverDoubts, ASessionThatSomebodyEndedIsNoRecoveryNorIsAResetOfStatistics) {
  write(2);
  server_.execute("SELECT pg_stat_reset_shared('bgwriter')");
  server_.execute("SELECT pg_stat_reset_shared('archiver')");
  server_.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vigie "
      "witness%'");
  notice();
  EXPECT_TRUE(seen_.empty());
}

TEST_F(ObserverDoubts, RowsThatAreGoneAreFoundWhenOnlyASessionWasLost) {
  write(3);
  server_.execute("DELETE FROM " + table() + " WHERE seq = 2", "vigie_witness");
  server_.execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'vigie "
      "witness%'");
  notice();
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_EQ(code(), "durability_lost");
}

TEST_F(ObserverDoubts, HowLongItWasAwayIsNotTakenFromTheLogsOwnTime) {
  write(2);
  observer_.reset();
  std::filesystem::last_write_time(folder_ / "witness" / logs().front(),
                                   std::filesystem::file_time_type::clock::now() - 2h);
  server_.stop();
  server_.start();
  begin();
  write(1);
  ASSERT_EQ(seen_.size(), 1u);
  EXPECT_LT(seen_.front().report.durations.at("down"), 5min);
  EXPECT_GT(seen_.front().report.durations.at("down"), Duration{0});
}

TEST_F(ObserverDoubts, ATableThatCannotBeDroppedIsToldAndTriedAgain) {
  most_rows_ = 2;
  begin();
  write(1);
  const std::string held = table();
  {
    const CallLimits limits{clock_.monotonic() + 1min, {}};
    const auto reader = postgres_->connect(server_.named_dsn("vigie_witness"), "reader", limits);
    ASSERT_TRUE((*reader)->query("BEGIN; SELECT FROM public." + held, limits));
    write(4);
    EXPECT_THAT(table(), HasSubstr(held));
    ASSERT_EQ(warned_.size(), 1u) << "once";
    EXPECT_EQ(warned_.front(), "database_query");
  }
  write(4);
  EXPECT_THAT(table(), ::testing::Not(HasSubstr(held)));
  EXPECT_THAT(table(), ::testing::Not(HasSubstr(",")));
  EXPECT_TRUE(seen_.empty());
}

TEST_F(ObserverDoubts, AStateFolderFromAnOlderCopyIsNoLossOfTheServer) {
  for (const uint64_t most : {kMostObservedRows, uint64_t{3}}) {  // of one generation, of another
    most_rows_ = most;
    begin();
    write(2);
    seen_.clear();
    observer_.reset();
    const auto copy = folder_ / fmt::format("copy-{}", most);
    std::filesystem::copy(folder_ / "witness", copy);
    begin();
    write(7);
    observer_.reset();
    put_state_back(copy);
    server_.stop();
    server_.start();
    begin();
    write(1);
    ASSERT_EQ(seen_.size(), 1u);
    EXPECT_EQ(code(), "durability_unobserved") << most;
    EXPECT_THAT(seen_.back().report.error->detail(Audience::everybody), HasSubstr("older than"));
    write(4);
    EXPECT_EQ(seen_.size(), 1u) << "it begins anew";
    EXPECT_THAT(table(), ::testing::Not(HasSubstr(","))) << "and the newer table is gone";
  }
}

TEST_F(ObserverDoubts, ARowThatNobodyHasSentIsCaughtAlsoBehindTheEndOfTheLog) {
  write(2);
  server_.execute(
      "INSERT INTO " + table() + " SELECT 1, 4, content FROM " + table() + " WHERE seq = 2",
      "vigie_witness");
  server_.stop();
  server_.start();
  notice();
  EXPECT_EQ(code(), "durability_lost");
}

// The current table is gone with the copy, and the one of then is there.
TEST_F(ObserverDoubts, AServerFromACopyOfAnOlderGenerationHasLostTheRowsSince) {
  most_rows_ = 3;
  begin();
  write(2);
  server_.stop();
  const auto copy = copy_of_server();
  server_.start();
  notice();
  write(7);
  seen_.clear();
  server_.stop();
  put_server_back(copy);
  server_.start();
  notice();
  EXPECT_EQ(code(), "durability_lost");
}

}  // namespace
}  // namespace vigie::proof
