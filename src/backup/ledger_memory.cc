#include "backup/ledger_memory.h"

#include <algorithm>

namespace vigie::backup {
namespace {

ledger::Filter about(const BackupId& id, std::string_view kind) {
  ledger::Filter filter;
  filter.backup = id.str();
  filter.kind = std::string(kind);
  return filter;
}

std::string_view text_of(const json::object& entry, std::string_view key) {
  const json::string* const found = find_string(entry, key);
  return found == nullptr ? std::string_view() : std::string_view(*found);
}

const json::object* first_artefact(const json::object& entry) {
  const json::array* const all = find_array(entry, "artefacts");
  return all == nullptr || all->empty() ? nullptr : all->front().if_object();
}

std::optional<Verification> verification_of(const json::object& entry) {
  const json::object* const subject = find_object(entry, "subject");
  const auto at = parse_rfc3339(text_of(entry, "ended_at"));
  if (subject == nullptr || !at) return std::nullopt;
  Verification out;
  const std::string_view result = text_of(entry, "result");
  if (result == to_string(ledger::Outcome::passed)) out.result = Verdict::passed;
  if (result == to_string(ledger::Outcome::failed)) out.result = Verdict::failed;
  const bool quick = text_of(*subject, "mode") == "quick";
  out.mode = quick ? VerifyMode::quick : VerifyMode::full;
  out.at = *at;
  out.error_code = text_of(entry, "error_code");
  return out;
}

Result<std::optional<std::string>> recorded_manifest(const ledger::Ledger& ledger,
                                                     const BackupId& id) {
  std::optional<std::string> sha256;
  const auto look = [&](const json::object& entry) {
    const json::object* const artefact = first_artefact(entry);
    if (artefact == nullptr || text_of(entry, "result") != to_string(ledger::Outcome::passed))
      return true;
    const std::string_view found = text_of(*artefact, "sha256");
    if (!found.empty()) sha256 = std::string(found);
    return !sha256;
  };
  // By kind, which the ledger finds without reading what is of another.
  for (const std::string_view kind : {ledger::kind::kBackup, ledger::kind::kRecovered}) {
    if (!sha256) TRY(ledger.for_each(about(id, kind), look));
  }
  return sha256;
}

Result<std::vector<Verification>> recorded_verifications(const ledger::Ledger& ledger,
                                                         const BackupId& id) {
  std::vector<Verification> all;
  const auto take = [&](const json::object& entry) {
    if (const auto one = verification_of(entry)) all.push_back(*one);
    return true;
  };
  for (const std::string_view kind : {ledger::kind::kBackupVerify, ledger::kind::kScrub})
    TRY(ledger.for_each(about(id, kind), take));
  std::ranges::stable_sort(all, {}, &Verification::at);
  return all;
}

Result<bool> is_expiry_recorded(const ledger::Ledger& ledger, const BackupId& id) {
  bool found = false;
  const auto look = [&](const json::object&) {
    found = true;
    return false;
  };
  TRY(ledger.for_each(about(id, ledger::kind::kRetention), look));
  return found;
}

}  // namespace

LedgerMemory memory_of(const ledger::Ledger& ledger) {
  return {[&ledger](const BackupId& id) { return recorded_manifest(ledger, id); },
          [&ledger](const BackupId& id) { return recorded_verifications(ledger, id); },
          [&ledger](const BackupId& id) { return is_expiry_recorded(ledger, id); }};
}

}  // namespace vigie::backup
