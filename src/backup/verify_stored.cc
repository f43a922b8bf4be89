#include "backup/verify_stored.h"

#include <algorithm>
#include <thread>

namespace vigie::backup {
namespace {

artefact::VerifyRequest request_of(const VerifyStored& what, const Work& work) {
  artefact::VerifyRequest request;
  request.id = what.id;
  request.depth =
      what.mode == VerifyMode::full ? artefact::VerifyDepth::full : artefact::VerifyDepth::quick;
  request.workers = std::clamp(std::thread::hardware_concurrency(), 1U, 4U);
  request.expected_manifest_sha256 = what.manifest_sha256;
  request.deadline = work.deadline;
  request.stop = work.stop;
  request.progress = [&what, &work, subject = what.id.str()](const artefact::VerifyProgress& p) {
    work.progress({what.phase, subject, p.done, p.total});
  };
  return request;
}

// Whole, but nobody knows whether it is the one that was published.
void doubt_origin(const BackupId& id, artefact::VerifyReport& report) {
  if (report.result == Verdict::passed) report.result = Verdict::could_not_verify;
  report.findings.emplace_back(
      ErrorCode::ledger_unreadable,
      Parameters{{"backup", id.str()}, {"reason", "no hash of its manifest is recorded"}});
  ++report.findings_total;
}

}  // namespace

Result<artefact::VerifyReport> verify_stored(const VerifyStored& what, const platform::Clock& clock,
                                             const Work& work) {
  const auto store = what.store.store->within(work.limits());
  TRY_ASSIGN(const auto source, store->open(what.id));
  TRY_ASSIGN(auto report, artefact::verify(*source, clock, request_of(what, work)));
  // What is missing, or cannot be read, in a store that went meanwhile says nothing of the
  // artefact.
  if (report.result != Verdict::passed) {
    TRY_ASSIGN(const bool there, store->exists(what.id));
    if (!there) return fail(ErrorCode::backup_not_found, {{"backup", what.id.str()}});
  }
  if (what.manifest_sha256.empty()) doubt_origin(what.id, report);
  return report;
}

std::optional<Error> reason_of(const artefact::VerifyReport& report) {
  if (report.findings.empty()) return std::nullopt;
  // Findings of files that are not its own come last.
  const auto worst = std::ranges::find_if(report.findings, [&](const Error& one) {
    return (one.info().error_class == "integrity") == (report.result == Verdict::failed);
  });
  return worst == report.findings.end() ? report.findings.front() : *worst;
}

}  // namespace vigie::backup
