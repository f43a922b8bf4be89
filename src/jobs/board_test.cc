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
  ASSERT_EQ(board.view()->recent.size(), 2U);
  EXPECT_EQ(board.view()->recent[0].id.str(), "newer");
}

TEST(Board, AnOldRunThatIsRecordedLateIsTheLastOneWhereNoneFollowed) {
  Board board(10);
  board.recovered(run("older", 1, RunState::interrupted));
  board.publish({});
  EXPECT_EQ(last_attempt(board), "older");
}

}  // namespace
}  // namespace vigie::jobs
