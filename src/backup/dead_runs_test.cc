#include "backup/dead_runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DeadRuns, AreKeptForEachDatabaseUntilItIsDoneAcrossStarts) {
  const testing::TempFolder folder;
  const RunId run = new_run_id();
  {
    auto dead = *DeadRuns::open(folder / "state.db");
    ASSERT_TRUE(dead.add(run, {"app", "crm"}));
    ASSERT_TRUE(dead.add(run, {"app", "crm"})) << "a recovery that died is done again";
    ASSERT_TRUE(dead.forget({run}, "crm"));
  }
  auto dead = *DeadRuns::open(folder / "state.db");
  EXPECT_THAT(*dead.databases(), ElementsAre("app"));
  EXPECT_THAT(*dead.runs_on("app"), ElementsAre(run));
  EXPECT_THAT(*dead.runs_on("crm"), IsEmpty());
}

}  // namespace
}  // namespace vigie::backup
