#include "api/backup_json.h"

#include <algorithm>

namespace vigie::api {
namespace {

json::value optional_time(const std::optional<SystemTime>& time) {
  return time ? json::value(format_rfc3339(*time)) : json::value(nullptr);
}

json::value verification_json(const std::optional<backup::Verification>& verification) {
  if (!verification) return nullptr;
  const bool full = verification->mode == backup::VerifyMode::full;
  return json::object{
      {"result", to_string(verification->result)},
      {"mode", full ? "full" : "quick"},
      {"at", format_rfc3339(verification->at)},
      {"error_code", verification->error_code.empty() ? json::value(nullptr)
                                                      : json::value(verification->error_code)}};
}

json::array holds_json(const std::vector<backup::Hold>& holds) {
  json::array all;
  for (const auto& hold : holds)
    all.push_back(json::object{
        {"kind", hold.kind}, {"reason", hold.reason}, {"since", format_rfc3339(hold.since)}});
  return all;
}

// Null: the manifest, which says it, could not be read.
template <class Fact>
json::value of_manifest(const backup::ArtefactView& artefact, const Fact& fact) {
  return artefact.is_read() ? json::value(fact) : json::value(nullptr);
}

}  // namespace

json::object backup_json(const backup::ArtefactView& artefact) {
  const auto told = [&](const auto& fact) { return of_manifest(artefact, fact); };
  const bool pinned = std::ranges::any_of(
      artefact.holds, [](const backup::Hold& hold) { return hold.kind == "pin"; });
  return {{"id", artefact.id.str()},
          {"job", artefact.id.job},
          {"database", artefact.id.database},
          {"store", artefact.store},
          {"started_at", format_rfc3339(artefact.started_at)},
          {"ended_at", told(format_rfc3339(artefact.ended_at))},
          {"duration_s", told(to_seconds(artefact.ended_at - artefact.started_at))},
          {"result", to_string(artefact.verdict())},
          {"raw_bytes", told(artefact.raw.count)},
          {"stored_bytes", told(artefact.stored.count)},
          {"rows", told(artefact.rows)},
          {"tables", told(artefact.tables)},
          {"correlation_id", told(artefact.correlation_id)},
          {"manifest_sha256", told(artefact.manifest_sha256)},
          {"verified_at", optional_time(artefact.fully_verified_at)},
          {"last_verification", verification_json(artefact.last_verification)},
          {"configured", artefact.configured},
          {"pinned", pinned},
          {"holds", holds_json(artefact.holds)}};
}

}  // namespace vigie::api
