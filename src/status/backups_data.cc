#include "status/reports.h"

namespace vigie::status {
namespace {

using backup::ArtefactView;
using backup::BackupJobView;
using backup::BackupsView;
using backup::DatabaseView;

// How old it is is known once it was looked for in the store.
json::object rpo_json(const BackupJobView& job, const DatabaseView* database, SystemTime now) {
  const Duration target = job.rpo_target;
  json::object rpo{{"target_s", nullptr}, {"observed_s", nullptr}, {"met", nullptr}};
  if (target > Duration(0)) rpo["target_s"] = to_seconds(target);
  if (!job.reconciled_at || (database != nullptr && database->dated_ahead)) return rpo;
  const auto last_success = database == nullptr ? std::nullopt : database->last_success;
  if (last_success) rpo["observed_s"] = to_seconds(std::max(Duration(0), now - *last_success));
  if (target > Duration(0)) rpo["met"] = last_success && now - *last_success <= target;
  return rpo;
}

json::value success_json(const ArtefactView* artefact) {
  if (artefact == nullptr) return nullptr;
  return json::object{{"backup_id", artefact->id.str()},
                      {"at", format_rfc3339(artefact->id.started_at)},
                      {"duration_s", to_seconds(artefact->ended_at - artefact->id.started_at)},
                      {"raw_bytes", artefact->raw.count},
                      {"stored_bytes", artefact->stored.count}};
}

json::value verify_json(const ArtefactView* artefact) {
  if (artefact == nullptr || !artefact->last_verification) return nullptr;
  const auto& verification = *artefact->last_verification;
  return json::object{{"backup_id", artefact->id.str()},
                      {"at", format_rfc3339(verification.at)},
                      {"mode", verification.mode == backup::VerifyMode::full ? "full" : "quick"},
                      {"result", to_string(verification.result)},
                      {"error_code", text_json(verification.error_code)}};
}

json::value run_json(const std::optional<RunFacts>& run, bool with_progress) {
  if (!run) return nullptr;
  json::object object{{"run_id", run->id},
                      {"state", run->state},
                      {"started_at", time_json(run->started_at)},
                      {"ended_at", time_json(run->ended_at)},
                      {"error_code", text_json(run->error_code)},
                      {"end_unrecorded_since", time_json(run->end_unrecorded_since)}};
  if (with_progress) object["progress"] = progress_json(run->progress);
  return object;
}

json::value alarm_json(const std::optional<backup::PlausibilityAlarm>& alarm) {
  if (!alarm) return nullptr;
  return json::object{{"backup_id", alarm->backup.str()},
                      {"since", format_rfc3339(alarm->since)},
                      {"reasons", json::array(alarm->reasons.begin(), alarm->reasons.end())}};
}

json::object store_json(const backup::StoreView& store) {
  const auto space = [&](Bytes bytes) {
    const bool known = store.reachable && store.knows_space;
    return known ? json::value(bytes.count) : json::value(nullptr);
  };
  return {{"name", store.name},
          {"type", store.type},
          {"reachable", store.observed_at ? json::value(store.reachable) : json::value(nullptr)},
          {"error_code", text_json(store.error_code)},
          {"total_bytes", space(store.total)},
          {"available_bytes", space(store.available)},
          {"reserve_bytes", space(store.reserve)},
          {"off_host", store.off_host},
          {"observed_at", time_json(store.observed_at)}};
}

json::array stores_json(const BackupsView& view, const BackupJobView& job) {
  json::array stores;
  for (const auto& store : view.stores)
    if (store.name == job.store) stores.push_back(store_json(store));
  return stores;
}

json::object database_json(const BackupsView& view, const BackupJobView& job,
                           const DatabaseView& database, SystemTime now) {
  const auto facts = artefact_facts(view, job.name, database.name);
  const auto count = [&](size_t artefacts) {
    return job.reconciled_at ? json::value(artefacts) : json::value(nullptr);
  };
  return {{"name", database.name},
          {"last_success", success_json(facts.newest_good)},
          {"last_verify", verify_json(facts.newest)},
          {"rpo", rpo_json(job, &database, now)},
          {"artefacts", count(facts.count)},
          {"damaged", count(facts.damaged)},
          {"copies", copies_json(view, job, database.name)},
          {"plausibility_alarm", alarm_json(database.alarm)}};
}

// 3: never succeeded; 2: beyond its target; 1: nobody knows how old it is; 0: within.
int badness(const BackupJobView& job, const DatabaseView& database, SystemTime now) {
  if (database.dated_ahead) return 1;
  if (!database.last_success) return 3;
  const bool late = now - *database.last_success > job.rpo_target;
  return job.rpo_target > Duration(0) && late ? 2 : 0;
}

// The database that is worst off speaks for the job; of equal ones that with the oldest data.
const DatabaseView* worst_database(const BackupJobView& job, SystemTime now) {
  const auto rank = [&](const DatabaseView& one) {
    return std::pair(-badness(job, one, now), one.last_success);
  };
  const auto worst = std::ranges::min_element(job.databases, {}, rank);
  return worst == job.databases.end() ? nullptr : &*worst;
}

json::object job_json(const BackupsView& view, const BackupJobView& job, const JobFacts* facts,
                      SystemTime now) {
  const auto* worst = worst_database(job, now);
  const auto artefacts = worst ? artefact_facts(view, job.name, worst->name) : ArtefactFacts{};
  json::array databases;
  for (const auto& database : job.databases)
    databases.push_back(database_json(view, job, database, now));
  return {{"name", job.name},
          {"databases", std::move(databases)},
          {"last_success", success_json(artefacts.newest_good)},
          {"last_attempt", facts ? run_json(facts->last_attempt, false) : json::value(nullptr)},
          {"running", facts ? run_json(facts->running, true) : json::value(nullptr)},
          {"next_due_at", time_json(facts ? facts->next_due : std::nullopt)},
          {"retention", job.retention},
          {"last_verify", verify_json(artefacts.newest)},
          {"rpo", rpo_json(job, worst, now)},
          {"stores", stores_json(view, job)}};
}

}  // namespace

json::value progress_json(const std::optional<ProgressFacts>& progress) {
  if (!progress) return nullptr;
  return json::object{{"phase", text_json(progress->phase)},
                      {"done", progress->done},
                      {"total", number_json(progress->total)},
                      {"unit", text_json(progress->unit)},
                      {"rate_per_s", number_json(progress->rate)}};
}

json::object backups_data(const Views& views, SystemTime now) {
  json::array jobs;
  json::object data{{"jobs", nullptr}, {"lost", nullptr}, {"not_configured", nullptr}};
  if (views.backups) {
    data["lost"] = losses_json(*views.backups);
    data["not_configured"] = not_configured_json(*views.backups);
    const auto facts = jobs_facts(views);
    for (const auto& job : views.backups->jobs)
      jobs.push_back(job_json(*views.backups, job, facts ? facts->find(job.name) : nullptr, now));
  }
  data["jobs"] = std::move(jobs);
  data["amcheck"] = amcheck_json(views);
  return data;
}

}  // namespace vigie::status
