// What the newest look for damage makes of the status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "status/reports.h"
#include "tests/support/status_samples.h"

namespace vigie::status {
namespace {

using std::chrono::hours;

const SystemTime kNow = *parse_rfc3339("2026-11-20T12:00:00Z");

class AmcheckReport : public ::testing::Test {
 protected:
  AmcheckReport() { view_->amcheck_plans = {{"app", "app", hours(200)}}; }
  void ended(Verdict result, std::string code, uint64_t damaged) {
    view_->amcheck["app"] = {.check = "app",
                             .database = "app",
                             .evidence_id = "e1",
                             .result = result,
                             .error_code = std::move(code),
                             .started_at = kNow - hours(1),
                             .ended_at = kNow,
                             .tables = 3,
                             .indexes = 4,
                             .damaged = damaged};
  }
  Views views() const {
    Views views = testing::sample_views(kNow);
    views.proof = view_;
    return views;
  }
  std::string judged() const {
    const auto checks = amcheck_checks(views());
    return checks.size() != 1
               ? "none"
               : std::string(to_string(checks[0].status)) + " " + checks[0].reason_code;
  }
  std::shared_ptr<proof::ProofView> view_ = std::make_shared<proof::ProofView>();
};

TEST_F(AmcheckReport, WhatWasNeverLookedAtIsUnknown) {
  EXPECT_EQ(judged(), "unknown never_amchecked");
  EXPECT_TRUE(amcheck_json(views()).at(0).at("result").is_null());
}

TEST_F(AmcheckReport, DamageFails) {
  ended(Verdict::failed, "source_corrupt", 2);
  EXPECT_EQ(judged(), "fail source_corrupt");
  EXPECT_EQ(amcheck_json(views()).at(0).at("damaged").to_number<int>(), 2);
}

TEST_F(AmcheckReport, WhatCouldNotBeLookedAtIsUnknown) {
  ended(Verdict::could_not_verify, "amcheck_unavailable", 0);
  EXPECT_EQ(judged(), "unknown amcheck_unavailable");
}

TEST_F(AmcheckReport, OnePassesAsLongAsItIsNotStale) {
  ended(Verdict::passed, "", 0);
  EXPECT_EQ(judged(), "pass ok");
  EXPECT_EQ(amcheck_checks(views())[0].stale_after, hours(200));
}

TEST_F(AmcheckReport, StandsAmongTheChecksOfTheBackups) {
  ended(Verdict::failed, "source_corrupt", 2);
  const auto checks = backups_checks(views(), kNow);
  EXPECT_NE(std::ranges::find(checks, "amcheck.app", &Check::id), checks.end());
}

}  // namespace
}  // namespace vigie::status
