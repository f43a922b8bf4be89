#include <fmt/format.h>

#include "status/reports.h"

namespace vigie::status {
namespace {

using backup::ArtefactView;
using backup::BackupJobView;
using backup::BackupsView;
using backup::DatabaseView;

constexpr Duration kOverdueAfter = std::chrono::minutes(10);  // beyond the due time

struct Context {
  const BackupsView& view;
  const std::optional<JobsFacts>& jobs;
  SystemTime now;
  bool daemon;
};

Check begin(const Context& context, std::string id, std::string source, std::string runbook) {
  Check check;
  check.id = std::move(id);
  check.status = Status::pass;
  check.reason_code = "ok";
  check.observed_at = context.view.observed_at;
  check.stale_after = kStaleAfter;
  check.sources = {std::move(source)};
  check.runbook = std::move(runbook);
  return check;
}

// What is known of artefacts is as old as the last comparison with their store.
Check begin_artefacts(const Context& context, const BackupJobView& job,
                      const DatabaseView& database, std::string_view what, std::string runbook) {
  auto check = begin(context, fmt::format("backups.{}.{}.{}", job.name, database.name, what),
                     "store:" + job.store, std::move(runbook));
  check.observed_at = job.reconciled_at;
  check.stale_after = kCatalogueStaleAfter;
  return check;
}

Check begin_store(const Context& context, const backup::StoreView& store, std::string_view what,
                  std::string runbook) {
  auto check = begin(context, fmt::format("stores.{}.{}", store.name, what), "store:" + store.name,
                     std::move(runbook));
  check.observed_at = store.observed_at;
  check.stale_after = kStoreStaleAfter;
  return check;
}

Check rpo_check(const Context& context, const BackupJobView& job, const DatabaseView& database) {
  auto check = begin_artefacts(context, job, database, "rpo", "missed-run");
  check.unit = "s";
  if (job.rpo_target > Duration(0)) check.threshold = to_seconds(job.rpo_target);
  if (database.dated_ahead) {
    judge(check, Status::unknown, "dated_ahead");
    check.runbook = "clock";
    return check;
  }
  if (!database.last_success) {
    judge(check, Status::fail, "never_succeeded");
    check.runbook = "never-succeeded";
    return check;
  }
  const auto age = std::max(Duration(0), context.now - *database.last_success);
  check.observed = to_seconds(age);
  if (job.rpo_target > Duration(0) && age > job.rpo_target) {
    judge(check, Status::fail, "rpo_missed");
    check.since = *database.last_success + job.rpo_target;
  }
  return check;
}

Check integrity_check(const Context& context, const BackupJobView& job,
                      const DatabaseView& database, const ArtefactFacts& facts) {
  auto check = begin_artefacts(context, job, database, "integrity", "artefact-damaged");
  check.observed = facts.damaged;
  check.unit = "artefacts";
  check.threshold = 0;
  if (facts.damaged > 0)
    judge(check, Status::fail, "artefact_damaged");
  else if (facts.unreadable > 0)
    judge(check, Status::unknown, "artefact_unreadable");
  return check;
}

Check verified_check(const Context& context, const BackupJobView& job, const DatabaseView& database,
                     const ArtefactFacts& facts) {
  auto check = begin_artefacts(context, job, database, "verified", "artefact-damaged");
  if (facts.newest_whole == nullptr) {
    judge(check, Status::unknown, "not_evaluated");
    return check;
  }
  check.unit = "s";
  if (facts.oldest_look)
    check.observed = to_seconds(std::max(Duration(0), context.now - *facts.oldest_look));
  if (job.scrub_period > Duration(0)) check.threshold = to_seconds(job.scrub_period);
  // Also where the configuration asks for no verification: what was never looked at is not a pass.
  const bool newest_unseen = !facts.newest_whole->fully_verified_at;
  const bool overdue = job.scrub_period > Duration(0) && facts.oldest_look &&
                       context.now - *facts.oldest_look > job.scrub_period;
  if (newest_unseen)
    judge(check, Status::warn, "not_verified");
  else if (overdue)
    judge(check, Status::warn, "scrub_overdue");
  return check;
}

Check plausibility_check(const Context& context, const BackupJobView& job,
                         const DatabaseView& database) {
  auto check = begin_artefacts(context, job, database, "plausibility", "plausibility");
  if (!database.alarm) return check;
  judge(check, Status::warn, database.alarm->error_code);
  check.since = database.alarm->since;
  return check;
}

// Whether the newest backup holds the rows that the source held.
Check source_check_check(const Context& context, const BackupJobView& job,
                         const DatabaseView& database, const ArtefactFacts& facts) {
  auto check = begin_artefacts(context, job, database, "source_check", "source-rows-differ");
  const ArtefactView* const newest = facts.newest_whole;
  if (newest == nullptr || newest->source_check.empty()) {
    judge(check, Status::unknown, "not_evaluated");
    return check;
  }
  check.observed = json::value(newest->source_check);
  check.since = newest->id.started_at;
  if (newest->source_check == "none")
    judge(check, Status::warn, "source_not_checked");
  else if (newest->source_check != "passed")
    judge(check, Status::warn, "source_not_comparable");
  return check;
}

// What the newest run that went well warned of, each a check of its own.
void add_warnings(std::vector<Check>& checks, const Context& context, const BackupJobView& job,
                  const JobFacts& facts) {
  for (const WarningFacts& one : facts.warnings) {
    const auto* const info = find_error_info(one.code);
    if (info == nullptr) continue;
    auto check =
        begin(context, fmt::format("backups.{}.{}.warning.{}", job.name, one.database, one.code),
              "jobs", std::string(info->runbook));
    judge(check, Status::warn, one.code);
    check.stale_after = std::nullopt;
    check.observed_at = facts.warned_at;
    check.observed = json::value(one.detail);
    checks.push_back(std::move(check));
  }
}

// A failed run alone is a warning: whether too much time has passed is the rpo's check.
Check last_run_check(const Context& context, const BackupJobView& job, const JobFacts* facts) {
  auto check = begin(context, fmt::format("backups.{}.last_run", job.name), "jobs", "runs");
  check.stale_after = std::nullopt;
  check.observed_at = context.jobs->observed_at;
  if (facts == nullptr || !facts->last_attempt) {
    judge(check, Status::unknown, "never_run");
    return check;
  }
  const auto& run = *facts->last_attempt;
  check.observed = json::value(run.state);
  check.since = run.ended_at;
  const bool good = run.state == "succeeded" || run.state == "running" || run.state == "queued";
  if (!good) judge(check, Status::warn, run.error_code.empty() ? run.state : run.error_code);
  return check;
}

// Told until a backup was tried since: that one's own result is the news then.
Check preflight_check(const Context& context, const BackupJobView& job, const JobFacts& facts) {
  auto check = begin(context, fmt::format("backups.{}.preflight", job.name), "jobs", "runs");
  check.stale_after = std::nullopt;
  check.observed_at = context.jobs->observed_at;
  const auto& run = *facts.last_preflight;
  check.observed = json::value(run.state);
  check.since = run.ended_at;
  const auto& backup = facts.last_attempt;
  const bool tried_since = backup && backup->ended_at >= run.ended_at;
  if (run.state != "succeeded" && !tried_since)
    judge(check, Status::warn, run.error_code.empty() ? run.state : run.error_code);
  return check;
}

Check schedule_check(const Context& context, const BackupJobView& job, const JobFacts* facts) {
  auto check = begin(context, fmt::format("backups.{}.schedule", job.name), "jobs", "missed-run");
  check.stale_after = std::nullopt;
  check.observed_at = context.jobs->observed_at;
  check.unit = "s";
  check.threshold = to_seconds(kOverdueAfter);
  if (facts == nullptr || !facts->next_due) {
    // Only a daemon knows due times.
    judge(check, Status::warn, context.daemon ? "not_scheduled" : "no_daemon");
    return check;
  }
  const auto late = std::max(Duration(0), context.now - facts->waiting.value_or(*facts->next_due));
  check.observed = to_seconds(late);
  // A due time that was missed stays a warning until a run has succeeded since.
  // One that is still to come was missed under a clock that ran ahead: the ledger tells of it.
  const bool missed = facts->last_missed && *facts->last_missed <= context.now &&
                      (!facts->last_success || *facts->last_success < *facts->last_missed);
  if (missed) check.since = facts->last_missed;
  const bool overdue = late > kOverdueAfter && !facts->running;
  if (missed || overdue) judge(check, Status::warn, "missed_run");
  return check;
}

Check store_check(const Context& context, const backup::StoreView& store) {
  auto check = begin_store(context, store, "reachable", "store-unreachable");
  if (store.observed_at && !store.reachable)
    judge(check, Status::fail, store.error_code.empty() ? "store_unreachable" : store.error_code);
  if (store.error_code == "store_foreign") check.runbook = "store-owner";
  if (store.error_code == "store_refused") check.runbook = "store-refused";
  return check;
}

Check reserve_check(const Context& context, const backup::StoreView& store) {
  auto check = begin_store(context, store, "reserve", "disk-full");
  if (!store.reachable) {
    judge(check, Status::unknown, "not_evaluated");
    return check;
  }
  check.observed = store.available.count;
  check.unit = "bytes";
  check.threshold = store.reserve.count;
  if (store.available < store.reserve)
    judge(check, Status::fail, "space_reserve");
  else if (store.available.count - store.reserve.count < store.total.count / 20)
    judge(check, Status::warn, "space_low");
  return check;
}

Check catalogue_check(const Context& context, const BackupsView& view) {
  auto check = begin(context, "backups.catalogue", "stores", "store-unreachable");
  // As old as the oldest comparison.
  for (const auto& job : view.jobs) {
    if (job.reconciled_at && *job.reconciled_at < *check.observed_at)
      check.observed_at = job.reconciled_at;
  }
  check.stale_after = kCatalogueStaleAfter;
  if (!view.reconciled) judge(check, Status::warn, "not_reconciled");
  return check;
}

// What the backups leave is evidence as long as somebody looks whether it is whole.
Check ledger_verified_check(const std::optional<LedgerFacts>& ledger, SystemTime now) {
  Check check;
  check.id = "ledger.verified";
  check.runbook = "ledger-damaged";
  check.sources = {"ledger"};
  check.reason_code = "not_evaluated";
  if (!ledger) return check;
  judge(check, Status::warn, "ledger_not_verified");
  if (!ledger->verification) return check;
  const auto& last = *ledger->verification;
  check.unit = "s";
  check.observed = to_seconds(std::max(Duration(0), now - last.at));
  check.threshold = to_seconds(kLedgerVerifiedStaleAfter);
  check.observed_at = last.at;
  check.stale_after = kLedgerVerifiedStaleAfter;
  const Status found = last.result == Verdict::failed ? Status::fail : Status::unknown;
  std::string code(last.error_code.empty() ? to_string(last.result) : last.error_code);
  if (last.result == Verdict::passed)
    judge(check, Status::pass, "ok");
  else
    judge(check, last.acknowledged ? Status::warn : found, std::move(code));
  return check;
}

void add_database_checks(std::vector<Check>& checks, const Context& context,
                         const BackupJobView& job, const DatabaseView& database) {
  const auto facts = artefact_facts(context.view, job.name, database.name);
  checks.push_back(rpo_check(context, job, database));
  checks.push_back(integrity_check(context, job, database, facts));
  checks.push_back(verified_check(context, job, database, facts));
  checks.push_back(plausibility_check(context, job, database));
  checks.push_back(source_check_check(context, job, database, facts));
}

void add_job_checks(std::vector<Check>& checks, const Context& context, const BackupJobView& job) {
  for (const auto& database : job.databases) add_database_checks(checks, context, job, database);
  if (!context.jobs) return;
  const auto* facts = context.jobs->find(job.name);
  checks.push_back(last_run_check(context, job, facts));
  checks.push_back(schedule_check(context, job, facts));
  if (facts == nullptr) return;
  if (facts->last_preflight) checks.push_back(preflight_check(context, job, *facts));
  add_warnings(checks, context, job, *facts);
}

Check nothing_known() {
  Check check;
  check.id = "backups.catalogue";
  check.reason_code = "not_evaluated";
  check.runbook = "store-unreachable";
  return check;
}

Check no_jobs() {
  Check check;
  check.id = "backups.jobs";
  check.reason_code = "no_backup_job";
  check.runbook = "configuration";
  return check;
}

}  // namespace

ArtefactFacts artefact_facts(const BackupsView& view, std::string_view job,
                             std::string_view database) {
  using Key = std::pair<std::string_view, std::string_view>;
  ArtefactFacts facts;
  const Key wanted(job, database);
  const auto key = [](const ArtefactView& artefact) {
    return Key(artefact.id.job, artefact.id.database);
  };
  // Not equal_range: clang 14 does not compile libstdc++'s subrange (concepts in a class that is
  // not complete).
  for (auto at = std::ranges::lower_bound(view.artefacts, wanted, {}, key);
       at != view.artefacts.end() && key(*at) == wanted; ++at) {
    const ArtefactView& artefact = *at;
    if (!artefact.configured) continue;  // its store is not: kept_checks.cc tells of it
    ++facts.count;
    facts.newest = &artefact;
    if (artefact.verdict() == Verdict::failed) {
      ++facts.damaged;
      continue;
    }
    facts.unreadable += artefact.unreadable() ? 1 : 0;
    facts.newest_whole = &artefact;
    const bool good = view.is_good(artefact);
    facts.good += good ? 1 : 0;
    const bool counts = !artefact.unreadable() && !artefact.is_of_the_future(view.observed_at);
    if (good && counts) facts.newest_good = &artefact;
    const auto look = artefact.fully_verified_at.value_or(artefact.id.started_at);
    if (!facts.oldest_look || look < *facts.oldest_look) facts.oldest_look = look;
  }
  return facts;
}

std::vector<Check> backups_checks(const Views& views, SystemTime now) {
  std::vector<Check> checks;
  checks.push_back(ledger_verified_check(ledger_facts(views), now));
  for (auto& check : amcheck_checks(views)) checks.push_back(std::move(check));
  if (!views.backups) {
    checks.push_back(nothing_known());
    return checks;
  }
  const auto& view = *views.backups;
  const auto jobs = jobs_facts(views);
  const Context context{view, jobs, now, views.process.daemon};
  if (view.jobs.empty()) checks.push_back(no_jobs());
  for (const auto& job : view.jobs) add_job_checks(checks, context, job);
  for (const auto& store : view.stores) {
    checks.push_back(store_check(context, store));
    if (store.knows_space) checks.push_back(reserve_check(context, store));
  }
  for (auto& check : kept_checks(view)) checks.push_back(std::move(check));
  for (auto& check : copies_checks(view, now)) checks.push_back(std::move(check));
  checks.push_back(catalogue_check(context, view));
  return checks;
}

}  // namespace vigie::status
