// What a scratch server is started with: nothing reaches it, and it reaches nothing.
#include "proof/scratch_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vigie::proof {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> settings_with(const std::string& preload) {
  ScratchRequest request;
  request.folder = "/srv/scratch/weekly";
  request.preload = preload;
  return scratch_settings(request);
}

TEST(ScratchSettings, ItsOwnFolderIsTheOnlyWayIn) {
  EXPECT_THAT(settings_with(""),
              IsSupersetOf({"listen_addresses=", "unix_socket_directories=/srv/scratch/weekly",
                            "unix_socket_permissions=0700"}));
}

TEST(ScratchSettings, NothingOfItWorksByItself) {
  EXPECT_THAT(settings_with(""),
              IsSupersetOf({"max_worker_processes=0", "max_logical_replication_workers=0",
                            "max_wal_senders=0", "archive_mode=off", "autovacuum=off"}));
}

// Its library must be there for its objects to be restored, and its jobs must not begin.
TEST(ScratchSettings, TheJobsOfPgCronAreNotLaunched) {
  const auto settings = settings_with("pg_stat_statements,pg_cron");
  EXPECT_THAT(settings, IsSupersetOf({"shared_preload_libraries=pg_stat_statements,pg_cron",
                                      "cron.launch_active_jobs=off"}));
  EXPECT_THAT(settings_with("pg_stat_statements"), Not(Contains(StartsWith("cron."))));
}

}  // namespace
}  // namespace vigie::proof
