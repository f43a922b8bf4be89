// What no job speaks for, what was lost, and what a good backup leaves open.
#include <gtest/gtest.h>

#include "tests/support/status_checks.h"

namespace vigie::status {
namespace {

using testing::own_jobs;
using testing::sample_backups;
using testing::sample_views;

TEST(Status, FailsUntilALossIsAcknowledged) {
  auto backups = sample_backups(kNow);
  const auto since = kNow - std::chrono::hours(3);
  backups->losses.push_back({backups->artefacts[0].id, "local", since});
  const auto views = with_backups(backups);
  const auto report = make_report(Kind::backups, views, kNow);
  EXPECT_EQ(reason(report, "backups.lost"), "fail backup_lost");
  EXPECT_EQ(find(report, "backups.lost")->since, since);
  const auto lost = backups_data(views, kNow).at("lost").as_array();
  ASSERT_EQ(lost.size(), 1U);
  EXPECT_EQ(lost[0].at("backup_id").as_string(), backups->artefacts[0].id.str());
}

TEST(Status, ShowsWhatAJobThatIsGoneLeft) {
  auto backups = sample_backups(kNow);
  backups->jobs.clear();
  for (auto& one : backups->artefacts) one.configured = false;
  const auto views = with_backups(backups);
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.not_configured"),
            "warn not_configured");
  const auto data = backups_data(views, kNow).at("not_configured").as_array();
  ASSERT_EQ(data.size(), 1U);
  EXPECT_EQ(data[0].at("job").as_string(), "nightly");
  EXPECT_EQ(data[0].at("artefacts").to_number<int>(), 2);
  EXPECT_EQ(data[0].at("stored_bytes").to_number<int>(), 2000);
  backups->artefacts[1].manifest_sha256.clear();
  const auto unread = backups_data(views, kNow).at("not_configured").as_array();
  EXPECT_TRUE(unread[0].at("stored_bytes").is_null());
  backups->artefacts[0].last_verification->result = Verdict::failed;
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.not_configured"),
            "fail artefact_damaged");
}

std::string source_check(std::string result) {
  auto backups = sample_backups(kNow);
  backups->artefacts.back().source_check = std::move(result);
  return reason(make_report(Kind::backups, with_backups(backups), kNow),
                "backups.nightly.app.source_check");
}

TEST(Status, SaysWhetherTheNewestBackupWasComparedWithItsSource) {
  EXPECT_EQ(source_check("passed"), "pass ok");
  EXPECT_EQ(source_check("could_not_verify"), "warn source_not_comparable");
  EXPECT_EQ(source_check("none"), "warn source_not_checked");
  EXPECT_EQ(source_check(""), "unknown not_evaluated");
}

jobs::RunRow warned(SystemTime ended_at, std::string_view code) {
  jobs::RunRow run;
  run.state = jobs::RunState::succeeded;
  run.ended_at = ended_at;
  run.result["warnings"] =
      json::array{json::object{{"database", "app"}, {"code", code}, {"detail", "words"}}};
  return run;
}

TEST(Status, TellsWhatTheNewestGoodRunWarnedOf) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].last_success = warned(kNow - std::chrono::hours(2), "clock_differs");
  auto& preflight = jobs.jobs.emplace_back();
  preflight.job = "nightly";
  preflight.kind = "preflight";
  auto report = make_report(Kind::backups, views, kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.warning.clock_differs"), "warn clock_differs");
  EXPECT_EQ(find(report, "backups.nightly.app.warning.clock_differs")->observed.as_string(),
            "words");
  jobs.jobs[1].last_success = warned(kNow - std::chrono::hours(1), "unsupported_server");
  report = make_report(Kind::backups, views, kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.warning.clock_differs"), "absent");
  EXPECT_EQ(reason(report, "backups.nightly.app.warning.unsupported_server"),
            "warn unsupported_server");
}

}  // namespace
}  // namespace vigie::status
