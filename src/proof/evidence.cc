#include "proof/evidence.h"

#include <fmt/format.h>

namespace vigie::proof::evidence {
namespace {

std::string described(const Error& error) {
  return std::string(error.info().name) + ": " + error.detail(Audience::everybody);
}

ledger::Entry entry_of(const Subject& subject, const Work& work, SystemTime started_at,
                       SystemTime ended_at) {
  ledger::Entry entry;
  entry.kind = ledger::kind::kRestore;
  entry.started_at = started_at;
  entry.ended_at = ended_at;
  entry.trigger = {work.trigger.by, work.trigger.actor, work.correlation, work.run};
  entry.reason = work.trigger.reason;
  entry.reference = work.trigger.reference;
  entry.subject = {{"job", subject.id.job},
                   {"database", subject.id.database},
                   {"backup", subject.id.str()},
                   {"store", subject.store},
                   {"target", subject.target}};
  return entry;
}

json::object measures_of(const Restored& restored) {
  json::object measures{{"tables", restored.comparison.tables},
                        {"rows", restored.comparison.rows},
                        {"raw_bytes", restored.manifest.raw().count},
                        {"stored_bytes", restored.manifest.stored().count},
                        {"roles_made", restored.roles_made},
                        {"roles_kept", restored.roles_kept}};
  for (const auto& [step, time] : restored.durations) measures[step + "_s"] = to_seconds(time);
  return measures;
}

}  // namespace

ledger::Entry restored(const Subject& subject, const Restored& restored, const Work& work,
                       SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = entry_of(subject, work, started_at, ended_at);
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
  ledger::Entry entry = entry_of(subject, work, started_at, ended_at);
  entry.ended_with(error);
  entry.deviations.push_back(described(error));
  entry.follow_up = error.remedy(Audience::everybody);
  entry.artefacts.push_back({subject.id.str(), subject.manifest_sha256, {}});
  return entry;
}

}  // namespace vigie::proof::evidence
