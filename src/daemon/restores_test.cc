// How the run of a restore ends.
#include "daemon/restores.h"

#include <gtest/gtest.h>

namespace vigie::daemon {
namespace {

TEST(RestoreOutcome, AServerThatIsAwaySaysNothingOfTheBackup) {
  const auto outcome = restore_outcome(fail(ErrorCode::database_unreachable));
  EXPECT_EQ(outcome.verdict, Verdict::could_not_verify);
  EXPECT_EQ(outcome.error->code(), ErrorCode::database_unreachable);
}

TEST(RestoreOutcome, NamesWhatIsLeftBesideWhatWasFoundInTheBackup) {
  Error found(ErrorCode::restore_rows_differ, {{"backup", "b"}});
  found.with("left_behind", "vigie_restore_1");
  const auto outcome = restore_outcome(fail(std::move(found)));
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_EQ(outcome.error->code(), ErrorCode::restore_rows_differ);
  EXPECT_EQ(outcome.result.at("left_on_the_server").as_string(), "vigie_restore_1");
}

TEST(RestoreOutcome, OfOneThatWentWellIsItsResult) {
  const auto outcome = restore_outcome(json::object{{"rows", 1}});
  EXPECT_EQ(outcome.verdict, Verdict::passed);
  EXPECT_EQ(outcome.result.at("rows").to_number<int>(), 1);
}

}  // namespace
}  // namespace vigie::daemon
