#include "proof/evidence.h"

#include <fmt/format.h>

#include <algorithm>

namespace vigie::proof::evidence {
namespace {

std::string described(const Error& error) {
  return std::string(error.info().name) + ": " + error.detail(Audience::everybody);
}

ledger::Entry begin(std::string_view kind, const Work& work, SystemTime started_at,
                    SystemTime ended_at) {
  ledger::Entry entry;
  entry.kind = kind;
  entry.started_at = started_at;
  entry.ended_at = ended_at;
  entry.trigger = {work.trigger.by, work.trigger.actor, work.correlation, work.run};
  entry.reason = work.trigger.reason;
  entry.reference = work.trigger.reference;
  return entry;
}

ledger::Entry entry_of(std::string_view kind, const Subject& subject, const Work& work,
                       SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = begin(kind, work, started_at, ended_at);
  entry.subject = {{"job", subject.id.job}, {"database", subject.id.database}};
  if (subject.id.started_at == SystemTime{}) return entry;  // no backup was found
  entry.subject["backup"] = subject.id.str();
  entry.subject["store"] = subject.store;
  return entry;
}

json::object measures_of(const Restored& restored) {
  json::object measures{{"tables", restored.comparison.tables},
                        {"rows", restored.comparison.rows},
                        {"large_objects", restored.large_objects},
                        {"raw_bytes", restored.manifest.raw().count},
                        {"stored_bytes", restored.manifest.stored().count},
                        {"roles_made", restored.roles_made},
                        {"roles_kept", restored.roles_kept}};
  for (const auto& [step, time] : restored.durations) measures[step + "_s"] = to_seconds(time);
  return measures;
}

void add_objective(ledger::Entry& entry, std::string_view name, std::optional<Duration> observed,
                   Duration target) {
  const std::string key(name);
  if (observed) entry.measures[key + "_s"] = to_seconds(*observed);
  if (target > Duration{0}) entry.measures[key + "_target_s"] = to_seconds(target);
  if (observed && target > Duration{0} && *observed > target)
    entry.deviations.push_back(fmt::format("{} was {}, the target is {}", name,
                                           format_duration(*observed), format_duration(target)));
}

void add_objectives(ledger::Entry& entry, const DrillOptions& options, const DrillReport& report) {
  const bool came_up = report.rto > Duration{0};
  add_objective(entry, "rto", came_up ? std::optional(report.rto) : std::nullopt,
                options.rto_target);
  add_objective(entry, "rpo", report.rpo(), options.rpo_target);
  if (!report.data_age) return;
  entry.subject["newest"] = report.newest;
  entry.measures["data_age_s"] = to_seconds(*report.data_age);
}

// Each way in which a row can be wrong, and the first rows that are.
void add_witness(ledger::Entry& entry, const WitnessVerdict& verdict) {
  constexpr size_t kNamed = 20;
  const std::pair<std::string_view, const std::vector<WitnessRow>*> wrong[] = {
      {"lost", &verdict.lost},
      {"changed", &verdict.changed},
      {"never_sent", &verdict.never_sent},
      {"out_of_order", &verdict.out_of_order},
      {"twice", &verdict.twice}};
  entry.measures["acknowledged"] = verdict.acknowledged;
  entry.measures["present"] = verdict.present;
  entry.measures["indeterminate_there"] = verdict.indeterminate_there;
  entry.measures["indeterminate_absent"] = verdict.indeterminate_absent;
  for (const auto& [what, rows] : wrong) {
    entry.measures[what] = rows->size();
    entry.assertions.push_back({std::string(what), json::value(0), json::value(rows->size()),
                                rows->empty() ? ledger::Outcome::passed : ledger::Outcome::failed});
    for (size_t i = 0; i < std::min(rows->size(), kNamed); ++i)
      entry.deviations.push_back(
          fmt::format("{}: writer {}, row {}", what, (*rows)[i].writer, (*rows)[i].seq));
  }
}

// What has restarted, as far as it was seen.
json::value restart_seen(const Observation& observation) {
  if (observation.recovery) return "crash_recovery";
  if (observation.node) return "machine";
  if (observation.replaced) return "pod";
  return observation.before ? json::value("server") : json::value(nullptr);
}

void add_durability(ledger::Entry& entry, const DurabilityReport& report) {
  if (report.error) {
    entry.ended_with(*report.error);
    entry.result = ledger::outcome_of(verdict_on_server(*report.error));
    entry.deviations.push_back(described(*report.error));
  } else {
    entry.result = ledger::Outcome::passed;
  }
  if (report.settings) entry.environment = report.settings->to_json();
  entry.environment["shows"] = report.shows;
  if (report.pods) entry.environment["pods"] = report.pods->to_json();
  for (const auto& [step, time] : report.durations) entry.measures[step + "_s"] = to_seconds(time);
  if (report.verdict) add_witness(entry, *report.verdict);
  entry.deviations.insert(entry.deviations.end(), report.deviations.begin(),
                          report.deviations.end());
}

}  // namespace

ledger::Entry restored(const Subject& subject, const Restored& restored, const Work& work,
                       SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = entry_of(ledger::kind::kRestore, subject, work, started_at, ended_at);
  entry.subject["target"] = subject.target;
  entry.result = ledger::Outcome::passed;
  entry.environment = {{"server_version", restored.server_version},
                       {"system_identifier", restored.system_identifier}};
  entry.measures = measures_of(restored);
  entry.assertions.push_back(
      {"rows_and_fingerprints", json::value(restored.comparison.tables),
       json::value(restored.comparison.tables - restored.comparison.differences.size()),
       ledger::Outcome::passed});
  entry.artefacts.push_back(
      {subject.id.str(), restored.manifest_sha256, restored.manifest.stored()});
  for (const Error& warning : restored.warnings) entry.deviations.push_back(described(warning));
  if (!restored.kept.empty())
    entry.deviations.push_back("the database that was replaced is kept as " + restored.kept);
  return entry;
}

ledger::Entry not_restored(const Subject& subject, const Error& error, const Work& work,
                           SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = entry_of(ledger::kind::kRestore, subject, work, started_at, ended_at);
  entry.subject["target"] = subject.target;
  entry.ended_with(error);
  entry.result = ledger::outcome_of(verdict_on_backup(error));
  entry.deviations.push_back(described(error));
  if (const auto left = error.parameter("left_behind"); !left.empty())
    entry.deviations.push_back(fmt::format("the database {} is left on the server", left));
  if (const auto roles = error.parameter("roles"); !roles.empty())
    entry.deviations.push_back(fmt::format("roles of the backup were made, and stay: {}", roles));
  entry.artefacts.push_back({subject.id.str(), subject.manifest_sha256, {}});
  return entry;
}

ledger::Entry drilled(const Subject& subject, const DrillOptions& options, bool rehearsal,
                      const DrillReport& report, const Work& work, SystemTime started_at,
                      SystemTime ended_at) {
  ledger::Entry entry = entry_of(ledger::kind::kRestoreDrill, subject, work, started_at, ended_at);
  entry.subject["drill"] = options.name;
  if (rehearsal) entry.subject["rehearsal"] = true;
  if (report.error) {
    entry.ended_with(*report.error);
    entry.deviations.push_back(described(*report.error));
  }
  entry.result = ledger::outcome_of(report.verdict());
  entry.environment["scratch"] = name_of(options.scratch.type);
  if (!report.server_version.empty()) entry.environment["server_version"] = report.server_version;
  if (report.restored) entry.measures = measures_of(*report.restored);
  add_objectives(entry, options, report);
  for (const auto& [step, time] : report.durations)
    entry.measures["drill_" + step + "_s"] = to_seconds(time);
  entry.assertions = report.assertions;
  if (subject.id.started_at != SystemTime{})
    entry.artefacts.push_back({subject.id.str(), subject.manifest_sha256, {}});
  entry.deviations.insert(entry.deviations.end(), report.deviations.begin(),
                          report.deviations.end());
  return entry;
}

ledger::Entry amchecked(const AmcheckOptions& options, const AmcheckReport& report,
                        const Work& work, SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = begin(ledger::kind::kAmcheck, work, started_at, ended_at);
  entry.subject = {{"check", options.name}, {"database", options.database}};
  entry.environment = {{"server_version", report.server_version},
                       {"heapallindexed", options.heapallindexed}};
  entry.measures = {{"tables", report.tables},
                    {"indexes", report.indexes},
                    {"damaged", report.damaged},
                    {"amcheck_s", to_seconds(report.took)}};
  if (report.error) {
    entry.ended_with(*report.error);
    entry.deviations.push_back(described(*report.error));
  }
  entry.result = ledger::outcome_of(report.verdict());
  entry.assertions.push_back(
      {"damaged_relations", json::value(0), json::value(report.damaged), entry.result});
  return entry;
}

ledger::Entry durability_proved(const DurabilityOptions& options, const DurabilityReport& report,
                                const Work& work, SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = begin(ledger::kind::kDurabilityProof, work, started_at, ended_at);
  entry.subject = {{"proof", options.name},
                   {"database", options.database},
                   {"fault", fault_name(options.fault)}};
  add_durability(entry, report);
  return entry;
}

std::vector<ledger::Entry> durability_observed(const DurabilityOptions& options,
                                               const Observation& observation, const Work& work) {
  ledger::Entry entry =
      begin(ledger::kind::kDurabilityProof, work, observation.started_at, observation.ended_at);
  entry.subject = {
      {"proof", options.name}, {"database", options.database}, {"fault", kObservedFault}};
  add_durability(entry, observation.report);
  entry.environment["before"] =
      observation.before ? json::value(observation.before->to_json()) : json::value(nullptr);
  entry.environment["after"] = observation.after.to_json();
  entry.environment["restart"] = restart_seen(observation);
  if (observation.pod) entry.environment["pod"] = observation.pod->to_json();
  std::vector<ledger::Entry> entries{entry};
  if (!observation.node) return entries;
  entries.push_back(std::move(entry));
  entries.back().kind = ledger::kind::kDurabilityProofNode;
  return entries;
}

}  // namespace vigie::proof::evidence
