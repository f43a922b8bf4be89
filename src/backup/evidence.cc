#include "backup/evidence.h"

#include <fmt/format.h>

namespace vigie::backup::evidence {
namespace {

void set_subject(ledger::Entry& entry, const BackupId& id) {
  entry.subject = {{"job", id.job}, {"database", id.database}, {"backup", id.str()}};
}

ledger::ArtefactRef reference(const ArtefactView& artefact) {
  return {artefact.id.str(), artefact.manifest_sha256, artefact.stored};
}

std::string described(const Error& error) {
  return std::string(error.info().name) + ": " + error.detail(Audience::everybody);
}

json::object measures_of(const Taken& taken) {
  const DumpMeasures& dump = taken.dump;
  return {{"raw_bytes", taken.artefact.raw.count},
          {"stored_bytes", taken.artefact.stored.count},
          {"rows", taken.artefact.rows},
          {"tables", taken.artefact.tables},
          {"files", taken.manifest.files.size()},
          {"dump_s", to_seconds(dump.dump)},
          {"seal_s", to_seconds(dump.seal)},
          {"globals_s", to_seconds(dump.globals)},
          {"peak_staging_bytes", dump.peak_staging.count},
          {"gave_way", taken.gave_way}};
}

// A source that differs leaves no artefact, so this passed, or could not be verified.
ledger::Assertion source_assertion(const artefact::SourceCheck& check) {
  const bool passed = check.result == "passed";
  return {"source_rows_" + check.mode, "equal",
          passed ? json::value("equal") : json::value(nullptr),
          passed ? ledger::Outcome::passed : ledger::Outcome::could_not_verify};
}

void add_deviations(ledger::Entry& entry, const Taken& taken) {
  const auto& check = taken.manifest.source_check;
  if (check.mode != "none" && check.result != "passed") {
    entry.deviations.push_back(
        "the dump could not be compared with its source (source_check: " + check.mode + ")");
  }
  for (const Error& warning : taken.warnings) entry.deviations.push_back(described(warning));
  if (!taken.watched)
    entry.deviations.emplace_back(
        "sessions that waited behind the dump could not be watched all the time");
  if (taken.check_gave_way)
    entry.deviations.emplace_back("the source check gave way to a session that waited behind it");
  if (!taken.dump.punches) {
    entry.deviations.emplace_back(
        "the staging folder's file system cannot punch holes: its bound is the largest table");
  }
  if (!taken.dump.watches) {
    entry.deviations.emplace_back(
        "the staging folder could not be watched all the time (inotify): its bound is the largest "
        "large object, or none when events were lost");
  }
  if (const size_t named = taken.manifest.not_included.size(); named > 0) {
    const uint64_t more = taken.manifest.not_included_more;
    entry.deviations.push_back(fmt::format("{} objects are not included; the manifest names {}",
                                           named + more,
                                           more > 0 ? fmt::format("the first {}", named) : "them"));
  }
}

}  // namespace

ledger::Entry entry(std::string_view kind, const Work& work, SystemTime started_at,
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

ledger::Entry taken(const Taken& taken, const Work& work, SystemTime started_at) {
  ledger::Entry entry =
      evidence::entry(ledger::kind::kBackup, work, started_at, taken.artefact.ended_at);
  entry.result = ledger::Outcome::passed;
  set_subject(entry, taken.artefact.id);
  entry.subject["store"] = taken.artefact.store;
  entry.environment = {{"server_version", taken.manifest.server.version},
                       {"system_identifier", taken.manifest.server.system_identifier},
                       {"client_version", taken.manifest.client_version}};
  entry.measures = measures_of(taken);
  entry.artefacts.push_back(reference(taken.artefact));
  const auto& check = taken.manifest.source_check;
  if (check.mode != "none") entry.assertions.push_back(source_assertion(check));
  add_deviations(entry, taken);
  return entry;
}

ledger::Entry not_taken(std::string_view job, std::string_view database, const Error& error,
                        const Work& work, SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = evidence::entry(ledger::kind::kBackup, work, started_at, ended_at);
  entry.subject = {{"job", job}, {"database", database}};
  entry.ended_with(error);
  entry.deviations.push_back(described(error));
  return entry;
}

ledger::Entry verified(const ArtefactView& artefact, VerifyMode mode,
                       const artefact::VerifyReport& report, const Work& work,
                       SystemTime started_at, SystemTime ended_at) {
  ledger::Entry entry = evidence::entry(ledger::kind::kBackupVerify, work, started_at, ended_at);
  set_subject(entry, artefact.id);
  entry.subject["store"] = artefact.store;
  entry.subject["mode"] = mode == VerifyMode::full ? "full" : "quick";
  entry.result = ledger::outcome_of(report.result);
  if (!report.findings.empty()) entry.error_code = report.findings.front().info().name;
  entry.measures = {{"stored_bytes", report.stored_read.count},
                    {"raw_bytes", report.raw_read.count},
                    {"findings", report.findings_total}};
  entry.artefacts.push_back(reference(artefact));
  for (const Error& finding : report.findings) entry.deviations.push_back(described(finding));
  if (mode == VerifyMode::full && report.manifest && !report.contents_opened)
    entry.deviations.emplace_back(
        "encrypted: the stored bytes were compared; what is within is a drill's to read");
  if (report.result == Verdict::failed) entry.follow_up = "vigie backup run " + artefact.id.job;
  return entry;
}

ledger::Entry pruned(std::string_view job, std::string_view database,
                     const std::vector<ArtefactView>& expired, size_t kept,
                     const std::optional<Error>& error, const Work& work, SystemTime started_at,
                     SystemTime ended_at) {
  ledger::Entry entry = evidence::entry(ledger::kind::kRetention, work, started_at, ended_at);
  entry.result = ledger::Outcome::passed;
  entry.subject = {{"job", job}, {"database", database}};
  Bytes freed;
  for (const ArtefactView& one : expired) {
    entry.artefacts.push_back(reference(one));
    freed += one.stored;
  }
  entry.measures = {{"expired", expired.size()}, {"kept", kept}, {"freed_bytes", freed.count}};
  if (error) {
    entry.ended_with(*error);
    entry.deviations.push_back(described(*error));
  }
  return entry;
}

Error lost(const ArtefactView& artefact) {
  return Error(
      ErrorCode::backup_lost,
      {{"backup", artefact.id.str()}, {"store", artefact.store}, {"job", artefact.id.job}});
}

ledger::Entry about(std::string_view kind, const BackupId& id, const Work& work, SystemTime now) {
  ledger::Entry entry = evidence::entry(kind, work, now, now);
  entry.result = ledger::Outcome::passed;
  set_subject(entry, id);
  return entry;
}

}  // namespace vigie::backup::evidence
