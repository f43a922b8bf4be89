// What is not known is null, and never 0.
#include <gtest/gtest.h>

#include "status/status.h"
#include "tests/support/status_checks.h"

namespace vigie::status {
namespace {

using testing::own_jobs;
using testing::sample_backups;
using testing::sample_views;

TEST(Status, CountsNoArtefactsBeforeTheFirstComparison) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].reconciled_at.reset();
  const auto data = backups_data(with_backups(backups), kNow);
  const auto& job = data.at("jobs").as_array().at(0).as_object();
  const auto& database = job.at("databases").as_array().at(0).as_object();
  EXPECT_TRUE(database.at("artefacts").is_null());
  EXPECT_TRUE(database.at("damaged").is_null());
  EXPECT_TRUE(job.at("rpo").as_object().at("observed_s").is_null());
  EXPECT_TRUE(job.at("rpo").as_object().at("met").is_null());
  EXPECT_EQ(job.at("rpo").as_object().at("target_s").to_number<double>(), 26 * 3600);
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_TRUE(find(report, "backups.nightly.app.rpo")->observed.is_null());
}

json::object store_data(const std::shared_ptr<backup::BackupsView>& backups) {
  const auto data = backups_data(with_backups(backups), kNow);
  const auto& job = data.at("jobs").as_array().at(0).as_object();
  return job.at("stores").as_array().at(0).as_object();
}

TEST(Status, KnowsNoSpaceOfAStoreThatIsNotReachable) {
  auto backups = sample_backups(kNow);
  EXPECT_EQ(store_data(backups).at("total_bytes").to_number<int>(), 1000000);
  backups->stores[0].reachable = false;
  const auto store = store_data(backups);
  EXPECT_FALSE(store.at("reachable").as_bool());
  for (const auto* key : {"total_bytes", "available_bytes", "reserve_bytes"})
    EXPECT_TRUE(store.at(key).is_null()) << key;
}

TEST(Status, KnowsNothingOfAStoreThatNobodyHasLookedAt) {
  auto backups = sample_backups(kNow);
  backups->stores[0].reachable = false;
  backups->stores[0].observed_at.reset();
  EXPECT_TRUE(store_data(backups).at("reachable").is_null());
  EXPECT_TRUE(store_data(backups).at("observed_at").is_null());
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "stores.local.reachable"), "unknown not_evaluated");
  EXPECT_EQ(reason(report, "stores.local.reserve"), "unknown not_evaluated");
}

TEST(Status, ABackupWhoseManifestWasNotReadIsNoSuccessWhateverTheJobAsksFor) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].verify_after_backup = false;
  auto& newest = backups->artefacts.back();
  newest.manifest_sha256.clear();
  newest.raw = newest.stored = {};
  newest.last_verification.reset();
  newest.fully_verified_at.reset();
  const auto data = backups_data(with_backups(backups), kNow);
  const auto& job = data.at("jobs").as_array().at(0).as_object();
  const auto& success = job.at("last_success");
  EXPECT_TRUE(success.is_null() || success.at("backup_id").as_string() != newest.id.str());
}

json::value running_progress(const std::optional<jobs::RunProgress>& progress) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].running = jobs.jobs[0].last_attempt;
  jobs.jobs[0].running->progress = progress;
  const auto data = backups_data(views, kNow);
  return data.at("jobs").as_array().at(0).at("running").at("progress");
}

TEST(Status, KnowsNoProgressOfARunThatHasToldNone) {
  EXPECT_TRUE(running_progress(std::nullopt).is_null());
  const auto told = running_progress(jobs::RunProgress{.phase = "dump", .done = 5});
  EXPECT_EQ(told.at("done").to_number<int>(), 5);
  EXPECT_TRUE(told.at("total").is_null());
  EXPECT_TRUE(told.at("rate_per_s").is_null());
}

}  // namespace
}  // namespace vigie::status
