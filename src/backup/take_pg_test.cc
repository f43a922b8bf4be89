// The name that a backup gets, on a real PostgreSQL.
#include "backup/take.h"

#include <gtest/gtest.h>

#include "store/local/local_store.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

// As when an artefact of this very second was recorded, and is gone since.
TEST(Take, GivesNoIdThatWasUsedBefore) {
  testing::PgCluster server;
  testing::TempFolder folder;
  DatabaseOptions database;
  database.name = "app";
  database.dsn = server.named_dsn();
  database.bindir = server.bindir().string();
  BackupJobOptions job;
  job.name = "nightly";
  job.jobs = 1;
  Work work;
  work.run = new_run_id();
  work.correlation = new_correlation_id();
  const platform::RealClock clock;
  const auto processes = platform::make_process_runner();
  const auto postgres = platform::make_pg_connector();
  const auto store =
      store::make_local_store(platform::real_file_system(), "local", folder / "artefacts");
  store::Reserve reserve;
  reserve.bytes = 1_MiB;
  std::vector<BackupId> asked;
  const auto used_twice = [&](const BackupId& id) {
    asked.push_back(id);
    return asked.size() < 3;
  };
  const auto taken =
      take_backup({database, job, *store, reserve, std::nullopt, folder / "staging", used_twice},
                  {platform::real_file_system(), *processes, *postgres, clock, "test"}, work);
  ASSERT_TRUE(taken) << taken.error().detail(Audience::operators);
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(taken->artefact.id, asked.back());
  EXPECT_EQ(asked.back().started_at - asked.front().started_at, 2s);
}

}  // namespace
}  // namespace vigie::backup
