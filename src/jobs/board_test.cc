#include "jobs/board.h"

#include <gtest/gtest.h>

namespace vigie::jobs {
namespace {

RunRow run(const std::string& id, int hour, RunState state) {
  RunRow row;
  row.id = RunId(id);
  row.job = "nightly";
  row.kind = "backup";
  row.created_at = SystemTime(std::chrono::hours(hour));
  row.state = state;
  return row;
}

std::string last_attempt(const Board& board) {
  return board.view()->find("nightly", "backup")->last_attempt->id.str();
}

TEST(Board, AnOldRunThatIsRecordedLateTakesNoNewerOnesPlace) {
  Board board(10);
  board.changed(run("newer", 2, RunState::succeeded));
  board.recovered(run("older", 1, RunState::interrupted));
  board.publish({});
  EXPECT_EQ(last_attempt(board), "newer");
}

TEST(Board, TheOldestEndThatIsNotRecordedIsToldAlsoBehindLaterRunsOfTheJob) {
  Board board(10);
  for (const int hour : {1, 2, 3}) {
    RunRow row = run(std::to_string(hour), hour, RunState::succeeded);
    row.end_unrecorded_since = row.created_at;
    board.changed(row);
  }
  board.recorded(RunId("2"));
  board.publish({});
  EXPECT_EQ(board.view()->end_unrecorded_since, SystemTime(std::chrono::hours(1)));
  board.recorded(RunId("1"));
  board.publish({});
  EXPECT_EQ(board.view()->end_unrecorded_since, SystemTime(std::chrono::hours(3)));
}

TEST(Board, AnOldRunThatIsRecordedLateIsTheLastOneWhereNoneFollowed) {
  Board board(10);
  board.recovered(run("older", 1, RunState::interrupted));
  board.publish({});
  EXPECT_EQ(last_attempt(board), "older");
}

}  // namespace
}  // namespace vigie::jobs
