// How drills and restores are judged: a pure function of view and time.
#include <gtest/gtest.h>

#include "tests/support/status_checks.h"

namespace vigie::status {
namespace {

using std::chrono::hours;

proof::DrillResultView result(Verdict verdict, std::string code, SystemTime at) {
  proof::DrillResultView view;
  view.drill = "weekly";
  view.database = "app";
  view.evidence_id = "e1";
  view.backup = "nightly.app-20261120T020000Z";
  view.result = verdict;
  view.error_code = std::move(code);
  view.started_at = at - std::chrono::minutes(5);
  view.ended_at = at;
  view.rto_s = 100;
  view.rpo_s = 3600;
  view.rto_target_s = 1800;
  view.passed = 30;
  return view;
}

Views with_drills(std::vector<proof::DrillResultView> results) {
  auto view = std::make_shared<proof::ProofView>();
  view->drills = {{"weekly", "nightly", {"app"}, hours(170)}};
  view->results = std::move(results);
  Views views = testing::sample_views(kNow);
  views.proof = view;
  return views;
}

std::string judged(proof::DrillResultView one) {
  return reason(make_report(Kind::restore, with_drills({std::move(one)}), kNow),
                "restore.drill.weekly.app");
}

TEST(RestoreReport, WhatWasNeverDrilledIsNotKnown) {
  EXPECT_EQ(reason(make_report(Kind::restore, with_drills({}), kNow), "restore.drill.weekly.app"),
            "unknown never_drilled");
}

TEST(RestoreReport, APassIsGreenUntilItIsStale) {
  EXPECT_EQ(judged(result(Verdict::passed, "", kNow - hours(169))), "pass ok");
  EXPECT_EQ(judged(result(Verdict::passed, "", kNow - hours(171))), "unknown stale");
}

TEST(RestoreReport, ABackupThatIsBadFailsAndSoDoesADrillThatIsBroken) {
  EXPECT_EQ(judged(result(Verdict::failed, "drill_checks_failed", kNow)),
            "fail drill_checks_failed");
  EXPECT_EQ(judged(result(Verdict::could_not_verify, "drill_canary", kNow)), "fail drill_canary");
  EXPECT_EQ(judged(result(Verdict::could_not_verify, "scratch_space", kNow)),
            "unknown scratch_space");
}

TEST(RestoreReport, ATargetThatIsMissedIsAWarning) {
  auto slow = result(Verdict::passed, "", kNow);
  slow.rto_s = 1801;
  EXPECT_EQ(judged(slow), "warn rto_missed");
  auto old = result(Verdict::passed, "", kNow);
  old.rpo_target_s = 3599;
  EXPECT_EQ(judged(old), "warn rpo_missed");
}

// A proof that observes; its witness wrote its last row at `last_row`.
Views with_observer(std::optional<SystemTime> last_row, std::optional<Verdict> compared) {
  auto view = std::make_shared<proof::ProofView>();
  view->durability_plans = {{"seen", "app", true, std::chrono::minutes(5)}};
  if (last_row)
    view->observers["seen"] = {.proof = "seen", .since = *last_row, .last_row_at = last_row};
  if (compared) {
    proof::DurabilityView& result = view->durability["seen"];
    result.result = *compared;
    result.error_code = *compared == Verdict::passed ? "" : "durability_lost";
    result.ended_at = kNow - hours(5);
  }
  Views views = testing::sample_views(kNow);
  views.proof = view;
  return views;
}

std::string observed(std::optional<SystemTime> last_row, std::optional<Verdict> compared) {
  return reason(make_report(Kind::restore, with_observer(last_row, compared), kNow),
                "durability.seen");
}

TEST(RestoreReport, AProofThatObservesIsNotKnownUntilTheServerHasRestarted) {
  EXPECT_EQ(observed(kNow, std::nullopt), "unknown no_restart_seen");
  EXPECT_EQ(observed(kNow, Verdict::passed), "pass ok");
  EXPECT_EQ(observed(kNow, Verdict::failed), "fail durability_lost");
}

TEST(RestoreReport, AWitnessThatIsSilentWouldSeeNothing) {
  EXPECT_EQ(observed(kNow - std::chrono::minutes(4), Verdict::passed), "pass ok");
  EXPECT_EQ(observed(kNow - std::chrono::minutes(6), Verdict::passed), "warn not_observing");
  EXPECT_EQ(observed(kNow - std::chrono::minutes(6), std::nullopt), "unknown not_observing");
  EXPECT_EQ(observed(std::nullopt, Verdict::passed), "warn not_observing");
  EXPECT_EQ(observed(kNow - hours(1), Verdict::failed), "fail durability_lost");
}

TEST(RestoreReport, TellsHowTheWitnessStands) {
  const auto data = restore_data(with_observer(kNow, std::nullopt), kNow);
  const auto& proof = data.at("durability").at(0).as_object();
  EXPECT_EQ(proof.at("mode").as_string(), "observe");
  EXPECT_EQ(proof.at("observer").as_object().at("last_row_at").as_string(), format_rfc3339(kNow));
  EXPECT_TRUE(proof.at("observer").as_object().at("not_observing_since").is_null());
}

TEST(RestoreReport, ARehearsalIsToldAndJudgesNothing) {
  const Views before = with_drills({result(Verdict::passed, "", kNow - hours(1))});
  auto view = std::make_shared<proof::ProofView>(*before.proof);
  view->rehearsals = {result(Verdict::failed, "drill_checks_failed", kNow)};
  Views views = before;
  views.proof = view;
  EXPECT_EQ(reason(make_report(Kind::restore, views, kNow), "restore.drill.weekly.app"), "pass ok");
  const auto data = restore_data(views, kNow);
  EXPECT_EQ(data.at("last_drill").as_object().at("result").as_string(), "passed");
  const auto& database = data.at("drills").at(0).as_object().at("databases").at(0).as_object();
  EXPECT_EQ(database.at("last_rehearsal").as_object().at("result").as_string(), "failed");
  EXPECT_EQ(database.at("trend").as_array().size(), 1u);
}

TEST(RestoreReport, TellsTheNewestAndTheTrend) {
  const auto views = with_drills({result(Verdict::passed, "", kNow - hours(1)),
                                  result(Verdict::failed, "x", kNow - hours(9))});
  const auto data = restore_data(views, kNow);
  EXPECT_EQ(data.at("drill_age_s").to_number<double>(), 3600);
  EXPECT_EQ(data.at("last_drill").as_object().at("result").as_string(), "passed");
  const auto& database = data.at("drills").at(0).as_object().at("databases").at(0).as_object();
  EXPECT_EQ(database.at("trend").as_array().size(), 2u);
  EXPECT_EQ(database.at("last").as_object().at("rto").as_object().at("met"), true);
}

}  // namespace
}  // namespace vigie::status
