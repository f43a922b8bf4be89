#include "status/status.h"

#include <gtest/gtest.h>

#include "tests/support/status_checks.h"

namespace vigie::status {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::own_jobs;
using testing::sample_backups;
using testing::sample_views;

TEST(Status, PassesWhenAllIsWell) {
  const auto report = make_report(Kind::backups, sample_views(kNow), kNow);
  EXPECT_EQ(report.status, Status::pass);
  for (const auto& check : report.checks) EXPECT_EQ(check.reason_code, "ok") << check.id;
}

TEST(Status, SortsItsChecks) {
  const auto report = make_report(Kind::backups, sample_views(kNow), kNow);
  EXPECT_TRUE(std::ranges::is_sorted(report.checks, {}, &Check::id));
  EXPECT_GE(report.checks.size(), 8u);
}

TEST(Status, FailsOnceTheNewestBackupIsOlderThanItsTarget) {
  auto views = sample_views(kNow);
  const auto at = [&](Duration after) {
    auto fresh = sample_backups(kNow);
    fresh->observed_at = kNow + after;
    fresh->jobs[0].reconciled_at = kNow + after;
    views.backups = fresh;
    return reason(make_report(Kind::backups, views, kNow + after), "backups.nightly.app.rpo");
  };
  EXPECT_EQ(at(hours(24)), "pass ok");
  EXPECT_EQ(at(hours(24) + seconds(1)), "fail rpo_missed");
}

TEST(Status, DoesNotKnowTheAgeOfABackupThatIsDatedInTheFuture) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].databases[0].dated_ahead = true;
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.rpo"), "unknown dated_ahead");
  EXPECT_EQ(find(report, "backups.nightly.app.rpo")->runbook, "clock");
  const auto data = backups_data(with_backups(backups), kNow);
  const auto& rpo = data.at("jobs").as_array().at(0).as_object().at("rpo").as_object();
  EXPECT_TRUE(rpo.at("observed_s").is_null());
  EXPECT_TRUE(rpo.at("met").is_null());
}

TEST(Status, ADatabaseThatFailsSpeaksForItsJobBeforeOneThatNobodyKnows) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].databases[0].dated_ahead = true;
  backups->jobs[0].databases.push_back({.name = "never"});
  const auto data = backups_data(with_backups(backups), kNow);
  const auto& job = data.at("jobs").as_array().at(0).as_object();
  EXPECT_EQ(job.at("rpo").as_object().at("met"), false);
  EXPECT_TRUE(job.at("last_success").is_null());
}

// A monitor compares the two.
TEST(Status, AgeAndItsLimitAreOfTheCheckThatIsNearestToBeingStale) {
  auto views = sample_views(kNow);
  auto ledger = std::make_shared<ledger::LedgerView>(*views.ledger);
  ledger->verification->at = kNow - hours(2);
  views.ledger = ledger;
  const auto fresh = make_report(Kind::backups, views, kNow);
  EXPECT_LT(kNow - *fresh.observed_at, fresh.stale_after);
  EXPECT_FALSE(fresh.stale);
}

TEST(Status, DoesNotCallGoodWhatNobodyCanReadNow) {
  auto backups = sample_backups(kNow);
  auto& one = backups->artefacts[0];
  one.last_verification = {Verdict::could_not_verify, backup::VerifyMode::full, kNow, "file_io"};
  auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.integrity"), "unknown artefact_unreadable");
  one.configured = false;
  report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.integrity"), "pass ok");
  EXPECT_EQ(reason(report, "backups.not_configured"), "unknown artefact_unreadable");
}

TEST(Status, KnowsArtefactsOnlyAsOfTheLastComparisonWithTheStore) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].reconciled_at = kNow - hours(3) - seconds(1);
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.integrity"), "unknown stale");
  EXPECT_EQ(reason(report, "stores.local.reachable"), "pass ok");
}

TEST(Status, KnowsNothingOfArtefactsBeforeTheFirstComparison) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].reconciled_at.reset();
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.rpo"), "unknown not_evaluated");
  EXPECT_EQ(reason(report, "backups.nightly.app.integrity"), "unknown not_evaluated");
}

TEST(Status, SaysThatTheStoreIsAnothers) {
  auto backups = sample_backups(kNow);
  backups->stores[0].reachable = false;
  backups->stores[0].error_code = "store_foreign";
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "stores.local.reachable"), "fail store_foreign");
  EXPECT_EQ(find(report, "stores.local.reachable")->runbook, "store-owner");
}

TEST(Status, AnUnverifiedBackupIsNoSuccessWhereVerificationIsAskedFor) {
  auto backups = sample_backups(kNow);
  for (auto& one : backups->artefacts) {
    one.last_verification.reset();
    one.fully_verified_at.reset();
  }
  EXPECT_EQ(artefact_facts(*backups, "nightly", "app").newest_good, nullptr);
  backups->jobs[0].verify_after_backup = false;
  EXPECT_NE(artefact_facts(*backups, "nightly", "app").newest_good, nullptr);
}

TEST(Status, WhatCannotBeReadOrIsDatedInTheFutureIsNoSuccess) {
  auto backups = sample_backups(kNow);
  auto& newest = backups->artefacts.back();
  newest.last_verification->result = Verdict::could_not_verify;
  newest.last_verification->error_code = "file_io";
  EXPECT_EQ(artefact_facts(*backups, "nightly", "app").newest_good, &backups->artefacts.front());
  backups->jobs[0].verify_after_backup = false;
  EXPECT_EQ(artefact_facts(*backups, "nightly", "app").newest_good, &backups->artefacts.front());
  newest = testing::sample_artefact(kNow + hours(1));
  EXPECT_EQ(artefact_facts(*backups, "nightly", "app").newest_good, &backups->artefacts.front());
}

TEST(Status, FailsWhatNeverSucceeded) {
  auto backups = sample_backups(kNow);
  backups->artefacts.clear();
  backups->jobs[0].databases[0].last_success.reset();
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.rpo"), "fail never_succeeded");
  EXPECT_EQ(reason(report, "backups.nightly.app.verified"), "unknown not_evaluated");
  EXPECT_EQ(report.status, Status::fail);
}

TEST(Status, NeverPassesOnStaleEvidence) {
  const auto report = make_report(Kind::backups, sample_views(kNow), kNow + hours(3) + seconds(1));
  EXPECT_TRUE(report.stale);
  EXPECT_EQ(report.status, Status::unknown);
  for (const auto& check : report.checks) {
    if (check.stale_after && *check.stale_after <= hours(3)) {
      EXPECT_EQ(check.status, Status::unknown) << check.id;
    }
  }
}

TEST(Status, KeepsAFailureThatIsStale) {
  auto backups = sample_backups(kNow);
  backups->stores[0].reachable = false;
  const auto report =
      make_report(Kind::backups, with_backups(backups), kNow + std::chrono::days(1));
  EXPECT_EQ(reason(report, "stores.local.reachable"), "fail store_unreachable");
}

TEST(Status, DoesNotTakeEvidenceFromTheFutureForYounger) {
  const auto document =
      full_document(make_report(Kind::backups, sample_views(kNow), kNow - hours(3)),
                    sample_views(kNow), kNow - hours(3), CorrelationId("c"));
  EXPECT_EQ(document.at("age_s").to_number<double>(), 0);
}

TEST(Status, FailsWhenAnArtefactIsDamaged) {
  auto backups = sample_backups(kNow);
  backups->artefacts[0].last_verification->result = Verdict::failed;
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.integrity"), "fail artefact_damaged");
}

TEST(Status, WarnsWhenTheNewestBackupIsNotVerified) {
  auto backups = sample_backups(kNow);
  backups->artefacts[1].fully_verified_at.reset();
  backups->artefacts[1].last_verification.reset();
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.verified"), "warn not_verified");
}

TEST(Status, WarnsOfAMissedRunUntilOneHasSucceededSince) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].last_missed_due_at = kNow - std::chrono::hours(3);
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.schedule"),
            "warn missed_run");
  jobs.jobs[0].last_success = jobs.jobs[0].last_attempt;  // it began two hours ago
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.schedule"), "pass ok");
}

TEST(Status, SaysOfACommandOnItsOwnThatNothingStartsByItself) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].next_due_at.reset();
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.schedule"),
            "warn not_scheduled");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "jobs"), "pass ok");
  views.process.daemon = false;
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.schedule"),
            "warn no_daemon");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "jobs"), "warn no_daemon");
}

TEST(Status, SaysThatARunHangs) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.hung = 1;
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "jobs"), "warn run_hangs");
}

TEST(Status, SaysThatAnEndCannotBeRecorded) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.end_unrecorded_since = kNow - std::chrono::seconds(30);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "jobs"), "pass ok");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow + std::chrono::seconds(1)), "jobs"),
            "warn end_unrecorded");
}

TEST(Status, SaysForADayThatTheClockWentBack) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.clock_went_back_at = kNow;
  jobs.scheduler_at = kNow + std::chrono::hours(25);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "jobs"), "warn clock_went_back");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow + std::chrono::hours(25)), "jobs"),
            "pass ok");
}

TEST(Status, SaysThatQueriesHang) {
  auto views = sample_views(kNow);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "queries"), "pass ok");
  views.process.queries_hung = 3;
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "queries"), "warn queries_hang");
  views.process.queries_answered = false;
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "queries"), "fail queries_hang");
}

TEST(Status, WarnsWhenTheScrubIsOverdue) {
  auto backups = sample_backups(kNow);
  backups->artefacts[0].fully_verified_at = kNow - std::chrono::days(8);
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.verified"), "warn scrub_overdue");
}

TEST(Status, WarnsAboutAnAlarmUntilItIsAcknowledged) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].databases[0].alarm =
      backup::PlausibilityAlarm{backups->artefacts[1].id, {"rows -80 %"}, kNow};
  const auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(reason(report, "backups.nightly.app.plausibility"), "warn plausibility");
}

TEST(Status, FailsBelowTheReserveAndWarnsNearIt) {
  auto backups = sample_backups(kNow);
  backups->stores[0].available = {149999};
  EXPECT_EQ(reason(make_report(Kind::backups, with_backups(backups), kNow), "stores.local.reserve"),
            "fail space_reserve");
  auto near = sample_backups(kNow);
  near->stores[0].available = {160000};
  EXPECT_EQ(reason(make_report(Kind::backups, with_backups(near), kNow), "stores.local.reserve"),
            "warn space_low");
}

TEST(Status, WarnsAboutARunThatFailed) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].last_attempt->state = jobs::RunState::failed;
  jobs.jobs[0].last_attempt->error_code = "dump_failed";
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.last_run"),
            "warn dump_failed");
}

TEST(Status, WarnsOfAPreflightThatFailedUntilABackupWasTriedSince) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs::RunRow looked = *jobs.jobs.front().last_attempt;
  looked.kind = "preflight";
  looked.state = jobs::RunState::failed;
  looked.error_code = "table_unreadable";
  looked.ended_at = *looked.ended_at + minutes(30);
  auto& preflight = jobs.jobs.emplace_back();
  preflight.job = "nightly";
  preflight.kind = "preflight";
  preflight.last_attempt = looked;
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.preflight"),
            "warn table_unreadable");
  jobs.jobs.front().last_attempt->ended_at = *looked.ended_at + minutes(30);
  EXPECT_EQ(find(make_report(Kind::backups, views, kNow), "backups.nightly.preflight")->status,
            Status::pass);
}

TEST(Status, WarnsAboutARunThatIsOverdue) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].next_due_at = kNow - minutes(11);
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.schedule"),
            "warn missed_run");
}

TEST(Status, WarnsAboutARunThatHasWaitedForLong) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].running.reset();
  jobs.jobs[0].queued = jobs.jobs[0].last_attempt;
  jobs.jobs[0].queued->due_at = kNow - minutes(11);
  EXPECT_EQ(reason(make_report(Kind::backups, views, kNow), "backups.nightly.schedule"),
            "warn missed_run");
}

TEST(Status, IsUnknownBeforeAnythingIsRead) {
  Views views;
  EXPECT_EQ(make_report(Kind::backups, views, kNow).status, Status::unknown);
  EXPECT_EQ(make_report(Kind::readiness, views, kNow).status, Status::unknown);
  EXPECT_EQ(make_report(Kind::health, views, kNow).status, Status::pass);
}

TEST(Status, IsUnknownWithoutAnyJob) {
  auto backups = sample_backups(kNow);
  backups->jobs.clear();
  backups->artefacts.clear();
  EXPECT_EQ(make_report(Kind::backups, with_backups(backups), kNow).status, Status::unknown);
}

TEST(Status, IsReadyWithARefusedReload) {
  auto views = sample_views(kNow);
  views.process.reload_error_code = "config_reload_failed";
  const auto report = make_report(Kind::readiness, views, kNow);
  EXPECT_EQ(report.status, Status::warn);
  EXPECT_EQ(http_status(report, false), 200);
}

TEST(Status, WarnsOfAConfigurationThatWaitsForARestartUnlessANewerOneWasRefused) {
  auto views = sample_views(kNow);
  views.process.restart_needed_since = kNow - std::chrono::hours(1);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "configuration"),
            "warn restart_needed");
  EXPECT_EQ(http_status(make_report(Kind::readiness, views, kNow), false), 200);
  views.process.reload_error_code = "config_reload_failed";
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "configuration"),
            "warn config_reload_failed");
}

TEST(Status, IsNotReadyWithADamagedLedgerOrAStateThatTakesNoWrites) {
  auto damaged = sample_views(kNow);
  auto ledger = std::make_shared<ledger::LedgerView>(*damaged.ledger);
  ledger->damages.push_back({.segment = "ledger.jsonl",
                             .line = 3,
                             .reason = "hash",
                             .problems = 1,
                             .recorded_seq = 0,
                             .acknowledged = false});
  damaged.ledger = ledger;
  EXPECT_EQ(http_status(make_report(Kind::readiness, damaged, kNow), false), 503);
  auto full = sample_views(kNow);
  auto jobs = std::make_shared<jobs::JobsView>(*full.jobs);
  jobs->state_error_code = "disk_full";
  full.jobs = jobs;
  EXPECT_EQ(reason(make_report(Kind::readiness, full, kNow), "state"), "fail disk_full");
}

TEST(Status, CallsNothingWritableThatNobodyHasWrittenToLately) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  auto ledger = std::make_shared<ledger::LedgerView>(*views.ledger);
  views.ledger = ledger;
  jobs.state_proven_at = ledger->proven_at = kNow - minutes(15);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "state"), "pass ok");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "ledger"), "pass ok");
  jobs.state_proven_at = ledger->proven_at = kNow - minutes(15) - seconds(1);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "state"), "unknown stale");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "ledger"), "unknown stale");
  jobs.state_proven_at.reset();
  ledger->proven_at.reset();
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "state"), "unknown not_evaluated");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "ledger"), "unknown not_evaluated");
  views.process.daemon = false;  // a command that only reads
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "state"), "warn no_daemon");
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "ledger"), "warn no_daemon");
}

TEST(Status, KnowsOfDueTimesOnlyWhileTheyAreLookedAt) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.scheduler_at = kNow - minutes(5) - seconds(1);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "jobs"), "unknown stale");
}

TEST(Status, KnowsTheCatalogueAsOfTheOldestComparison) {
  auto backups = sample_backups(kNow);
  backups->jobs[0].reconciled_at = kNow - hours(2);
  auto report = make_report(Kind::backups, with_backups(backups), kNow);
  EXPECT_EQ(find(report, "backups.catalogue")->observed_at, kNow - hours(2));
}

std::string checkpoints_copied(std::vector<ledger::CopyView> copies) {
  auto views = sample_views(kNow);
  views.copies = std::move(copies);
  return reason(make_report(Kind::readiness, views, kNow), "checkpoints.copies");
}

TEST(Status, ACopyThatLacksSomethingIsTold) {
  const ledger::CopyView good{.folder = "/a", .size = 5, .copied_at = kNow - hours(1)};
  EXPECT_EQ(checkpoints_copied({good}), "pass ok");
  EXPECT_EQ(checkpoints_copied({good, {.folder = "/b"}}), "warn not_copied");
  ledger::CopyView failed = good;
  failed.reason = "copy_differs";
  EXPECT_EQ(checkpoints_copied({failed, good}), "warn copy_differs");
  ledger::CopyView busy = good;
  busy.busy_since = kNow - minutes(10);
  EXPECT_EQ(checkpoints_copied({busy}), "pass ok");
  busy.busy_since = kNow - minutes(10) - seconds(1);
  EXPECT_EQ(checkpoints_copied({busy}), "warn copy_hangs");
}

TEST(Status, ACheckpointThatCannotBeMadeIsTold) {
  auto views = sample_views(kNow);
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "checkpoints"), "pass ok");
  auto broken = std::make_shared<ledger::CheckpointsView>(*views.checkpoints);
  broken->error_code = "signing_key_invalid";
  views.checkpoints = broken;
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "checkpoints"),
            "warn signing_key_invalid");
  EXPECT_EQ(http_status(make_report(Kind::readiness, views, kNow), false), 200);
  views.checkpoints = nullptr;
  EXPECT_EQ(reason(make_report(Kind::readiness, views, kNow), "checkpoints"),
            "unknown not_evaluated");
}

std::string ledger_verified(std::optional<ledger::VerificationView> last) {
  auto views = sample_views(kNow);
  auto ledger = std::make_shared<ledger::LedgerView>(*views.ledger);
  ledger->verification = std::move(last);
  views.ledger = ledger;
  return reason(make_report(Kind::backups, views, kNow), "ledger.verified");
}

TEST(Status, SaysWhenTheLedgerWasLastVerified) {
  EXPECT_EQ(ledger_verified(std::nullopt), "warn ledger_not_verified");
  EXPECT_EQ(ledger_verified({{kNow - hours(26), Verdict::passed, "", 0, false}}), "pass ok");
  EXPECT_EQ(ledger_verified({{kNow - hours(26) - seconds(1), Verdict::passed, "", 0, false}}),
            "unknown stale");
  EXPECT_EQ(ledger_verified({{kNow, Verdict::failed, "ledger_damaged", 1, false}}),
            "fail ledger_damaged");
  EXPECT_EQ(ledger_verified({{kNow, Verdict::failed, "ledger_damaged", 1, true}}),
            "warn ledger_damaged");
  EXPECT_EQ(ledger_verified({{kNow, Verdict::could_not_verify, "file_io", 0, false}}),
            "unknown file_io");
}

TEST(Status, IsReadyWhenTheDatabaseIsGone) {
  auto views = sample_views(kNow);
  jobs::JobsView& jobs = own_jobs(views);
  jobs.jobs[0].last_attempt->state = jobs::RunState::failed;
  jobs.jobs[0].last_attempt->error_code = "database_unreachable";
  EXPECT_EQ(make_report(Kind::readiness, views, kNow).status, Status::pass);
}

TEST(Status, SaysThatNothingWasEverRestored) {
  const auto report = make_report(Kind::restore, sample_views(kNow), kNow);
  EXPECT_EQ(report.status, Status::unknown);
  EXPECT_EQ(restore_data(sample_views(kNow), kNow).at("state").as_string(), "never");
}

TEST(Status, ThePublicFormHoldsNoNames) {
  const auto report = make_report(Kind::backups, sample_views(kNow), kNow);
  const auto text = canonical_json(public_document(report, kNow, CorrelationId("c")));
  for (const auto* name : {"nightly", "app", "local", "checks", "data", "version"})
    EXPECT_EQ(text.find(name), std::string::npos) << name << text;
}

TEST(Status, SaysTheSameForTheSameViewsAndTime) {
  const auto views = sample_views(kNow);
  const auto render = [&] {
    return canonical_json(
        full_document(make_report(Kind::backups, views, kNow), views, kNow, CorrelationId("c")));
  };
  EXPECT_EQ(render(), render());
}

}  // namespace
}  // namespace vigie::status
