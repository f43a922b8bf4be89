// Made-up views: one job with one database whose backup is two hours old, on a store with room.
#pragma once

#include <memory>

#include "status/views.h"

namespace vigie::testing {

inline backup::ArtefactView sample_artefact(SystemTime started_at) {
  backup::ArtefactView artefact;
  artefact.id = {"nightly", "app", started_at};
  artefact.store = "local";
  artefact.started_at = started_at;
  artefact.ended_at = started_at + std::chrono::seconds(90);
  artefact.raw = {4000};
  artefact.stored = {1000};
  artefact.rows = 12;
  artefact.tables = 3;
  artefact.correlation_id = "c-1";
  artefact.manifest_sha256 = std::string(64, 'a');
  artefact.source_check = "passed";
  artefact.fully_verified_at = artefact.ended_at;
  artefact.last_verification = backup::Verification{.result = Verdict::passed,
                                                    .mode = backup::VerifyMode::full,
                                                    .at = artefact.ended_at,
                                                    .error_code = {}};
  return artefact;
}

// All is well.
inline std::shared_ptr<backup::BackupsView> sample_backups(SystemTime now) {
  const auto last = std::chrono::floor<std::chrono::seconds>(now) - std::chrono::hours(2);
  auto view = std::make_shared<backup::BackupsView>();
  view->observed_at = now;
  view->reconciled = true;
  view->jobs.push_back({.name = "nightly",
                        .store = "local",
                        .retention = "last 3",
                        .rpo_target = std::chrono::hours(26),
                        .scrub_period = std::chrono::days(7),
                        .verify_after_backup = true,
                        .databases = {{"app", last, std::nullopt}},
                        .reconciled_at = now});
  view->artefacts.push_back(sample_artefact(last - std::chrono::days(1)));
  view->artefacts.push_back(sample_artefact(last));
  view->stores.push_back({.name = "local",
                          .type = "local",
                          .total = {1000000},
                          .available = {900000},
                          .reserve = {150000},
                          .reachable = true,
                          .error_code = {},
                          .observed_at = now,
                          .off_host = true});
  return view;
}

inline status::Views sample_views(SystemTime now) {
  status::Views views;
  views.process.version = "0.1.0";
  views.process.started_at = now - std::chrono::hours(1);
  views.process.configured_at = views.process.started_at;
  views.backups = sample_backups(now);
  auto checkpoints = std::make_shared<ledger::CheckpointsView>();
  checkpoints->observed_at = now;
  views.checkpoints = checkpoints;
  auto jobs = std::make_shared<jobs::JobsView>();
  jobs->observed_at = now;
  jobs->state_proven_at = jobs->scheduler_at = now;
  auto& job = jobs->jobs.emplace_back();
  job.job = "nightly";
  job.kind = "backup";
  job.scheduled = true;
  job.next_due_at = now + std::chrono::hours(22);
  jobs::RunRow last;
  last.id = RunId(std::string(32, 'b'));
  last.job = "nightly";
  last.kind = "backup";
  last.state = jobs::RunState::succeeded;
  last.started_at = now - std::chrono::hours(2);
  last.ended_at = *last.started_at + std::chrono::seconds(90);
  job.last_attempt = last;
  views.jobs = std::move(jobs);
  auto ledger = std::make_shared<ledger::LedgerView>();
  ledger->observed_at = now;
  ledger->proven_at = now;
  ledger->last_seq = 7;
  ledger->verification = {now - std::chrono::hours(1), Verdict::passed, "", 0, false};
  ledger->reserve_ready = true;
  views.ledger = std::move(ledger);
  return views;
}

// The jobs' view in `views`: a copy of its own, which a test may change.
inline jobs::JobsView& own_jobs(status::Views& views) {
  auto copy = std::make_shared<jobs::JobsView>(*views.jobs);
  views.jobs = copy;
  return *copy;
}

}  // namespace vigie::testing
