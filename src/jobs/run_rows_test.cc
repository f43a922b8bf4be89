#include "jobs/run_rows.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono_literals;

class RunRowsTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(platform::migrate(db_, "jobs", state_migrations())); }

  static RunRow row(std::string job = "nightly") {
    RunRow row;
    row.id = new_run_id();
    row.job = std::move(job);
    row.kind = "backup";
    row.trigger = {"human", "token:7", "before the upgrade", "CHG-12"};
    row.correlation_id = CorrelationId("abc.1");
    row.claims = {"db:app", "store:local"};
    row.created_at = SystemTime(1s);
    row.due_at = SystemTime(2s);
    row.timeout = 4h;
    return row;
  }
  RunRow ended(RunState state, std::string job = "nightly") {
    RunRow run = row(std::move(job));
    EXPECT_TRUE(insert_run(db_, run));
    run.state = state;
    run.started_at = SystemTime(3s);
    run.ended_at = SystemTime(5s);
    EXPECT_TRUE(update_run(db_, run));
    return run;
  }

  testing::TempFolder folder_;
  platform::Sqlite db_ = *platform::Sqlite::open(folder_ / "state.db");
};

TEST_F(RunRowsTest, WhatIsWrittenIsReadBack) {
  RunRow run = row();
  ASSERT_TRUE(insert_run(db_, run));
  run.state = RunState::failed;
  run.started_at = SystemTime(3s);
  run.deadline_at = SystemTime(4h + 3s);
  run.ended_at = SystemTime(5s);
  run.progress = RunProgress{"dump", "app", 1ULL << 60, 1ULL << 61, "bytes", 12.5, SystemTime(4s)};
  run.error_code = "disk_full";
  run.error_parameters = {{"path", "/x \"é\""}};
  run.result = {{"backup", "nightly.app-20261120T020000Z"}, {"rows", 12}};
  ASSERT_TRUE(update_run(db_, run));
  const auto read = find_run(db_, run.id);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ(canonical_json(to_json(**read, SystemTime(9s), Audience::operators)),
            canonical_json(to_json(run, SystemTime(9s), Audience::operators)));
  EXPECT_EQ((*read)->claims, run.claims);
  EXPECT_EQ((*read)->timeout, run.timeout);
  EXPECT_EQ((*read)->error_parameters, run.error_parameters);
}

TEST_F(RunRowsTest, ARunThatIsUnknownIsNotFound) {
  const auto read = find_run(db_, new_run_id());
  ASSERT_TRUE(read);
  EXPECT_FALSE(*read);
}

TEST_F(RunRowsTest, OnlyWhatHasNotEndedIsUnfinished) {
  ended(RunState::succeeded);
  const RunRow waiting = row();
  ASSERT_TRUE(insert_run(db_, waiting));
  const auto unfinished = unfinished_runs(db_);
  ASSERT_EQ(unfinished->size(), 1U);
  EXPECT_EQ(unfinished->front().id, waiting.id);
}

TEST_F(RunRowsTest, AResultThatIsTooLargeIsLeftOut) {
  RunRow run = row();
  ASSERT_TRUE(insert_run(db_, run));
  run.result = {{"words", std::string(kMaxResult, 'x')}};
  ASSERT_TRUE(update_run(db_, run));
  EXPECT_TRUE((*find_run(db_, run.id))->result.empty());
}

TEST_F(RunRowsTest, DamagedJsonReadsAsEmpty) {
  const RunRow run = ended(RunState::succeeded);
  ASSERT_TRUE(
      db_.run("update run set claims = '{', progress = '[1]', error_parameters = '3', "
              "result = 'x', state = 'flying'"));
  const auto read = *find_run(db_, run.id);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->claims.empty());
  EXPECT_TRUE(read->result.empty());
  EXPECT_EQ(read->state, RunState::could_not_verify);
}

TEST_F(RunRowsTest, AnErrorOfANewerReleaseKeepsItsName) {
  const RunRow run = ended(RunState::failed);
  ASSERT_TRUE(db_.run("update run set error_code = 'of_tomorrow'"));
  const auto read = *find_run(db_, run.id);
  EXPECT_EQ(read->error_code, "of_tomorrow");
  EXPECT_FALSE(read->error());
}

TEST_F(RunRowsTest, TheLastSuccessIsFoundBehindLaterFailures) {
  const RunRow good = ended(RunState::succeeded);
  ended(RunState::failed);
  const RunRow last = ended(RunState::interrupted);
  ended(RunState::failed, "other");
  const auto runs = last_runs(db_);
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ((*runs)[0].success->id, good.id);
  EXPECT_EQ((*runs)[0].attempt->id, last.id);
  EXPECT_FALSE((*runs)[1].success);
}

TEST_F(RunRowsTest, PruningKeepsTheNewestAndEachLastSuccess) {
  const RunRow good = ended(RunState::succeeded);
  const RunRow gone = ended(RunState::failed);
  const RunRow other = ended(RunState::failed, "other");
  const RunRow waiting = row();
  ASSERT_TRUE(insert_run(db_, waiting));
  const RunRow newest = ended(RunState::failed);
  ASSERT_TRUE(prune_runs(db_, 1));
  for (const RunRow& kept : {good, other, waiting, newest}) {
    EXPECT_TRUE(*find_run(db_, kept.id)) << kept.job;
  }
  EXPECT_FALSE(*find_run(db_, gone.id));
}

TEST_F(RunRowsTest, RunsOfACorrelationComeNewestFirst) {
  const RunRow first = ended(RunState::succeeded);
  const RunRow second = ended(RunState::failed);
  const auto runs = runs_of_correlation(db_, first.correlation_id, 10);
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ(runs->front().id, second.id);
  EXPECT_TRUE(runs_of_correlation(db_, CorrelationId("other"), 10)->empty());
}

TEST(RunJson, HasEveryKeyOfARunThatWaits) {
  RunRow row;
  row.created_at = SystemTime(1s);
  const json::object object = to_json(row, SystemTime(9s), Audience::everybody);
  for (const char* key : {"started_at", "ended_at", "progress", "error", "due_at", "deadline_at"}) {
    EXPECT_TRUE(object.at(key).is_null()) << key;
  }
  EXPECT_TRUE(object.at("duration_s").is_null());
}

TEST(RunJson, TellsTheRemainingTimeFromTheRate) {
  RunRow row;
  row.progress = RunProgress{"dump", "app", 100, 300, "bytes", 50, SystemTime(1s)};
  const json::object object = to_json(row, SystemTime(9s), Audience::everybody);
  EXPECT_EQ(object.at("progress").at("remaining_s").as_double(), 4);
}

TEST(RunJson, SaysWhatToDoAboutAnError) {
  RunRow row;
  row.error_code = "disk_full";
  const json::object object = to_json(row, SystemTime(9s), Audience::everybody);
  EXPECT_EQ(object.at("error").at("next").as_string(),
            Error(ErrorCode::disk_full).remedy(Audience::everybody));
}

TEST(RunJson, HidesPathsFromEverybody) {
  RunRow row;
  row.error_code = "disk_full";
  row.error_parameters = {{"path", "/srv/secret-place"}};
  EXPECT_EQ(canonical_json(to_json(row, SystemTime(9s), Audience::everybody)).find("secret-place"),
            std::string::npos);
}

}  // namespace
}  // namespace vigie::jobs
