// What an exported entry says, in words.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/cells.h"
#include "cli/export_writer.h"
#include "ledger/entry.h"
#include "ledger/named_log.h"

namespace vigie::cli {
namespace {

constexpr uint64_t kMostNamed = 100;  // assertions that failed, of one entry

using Pair = std::pair<std::string_view, std::string_view>;

namespace kind = ledger::kind;

constexpr std::array kKinds{
    Pair{kind::kBackup, "Backup"},
    Pair{kind::kBackupVerify, "Verification of a backup"},
    Pair{kind::kBackupCopy, "Copy of a backup"},
    Pair{kind::kCopyVerify, "Verification of a copy off the host"},
    Pair{kind::kRetention, "Expiry of old backups"},
    Pair{kind::kScrub, "Backup read again"},
    Pair{kind::kMissedRun, "Run that did not start"},
    Pair{kind::kHold, "Hold"},
    Pair{kind::kPlausibility, "Backup that does not fit the one before"},
    Pair{kind::kAcknowledgement, "Acknowledgement"},
    Pair{kind::kConfigReload, "New configuration"},
    Pair{kind::kClock, "Clock set back"},
    Pair{kind::kToken, "Token"},
    Pair{kind::kRecovered, "Backup found unrecorded"},
    Pair{kind::kInterrupted, "Run interrupted"},
    Pair{kind::kPreflight, "Check before a backup"},
    Pair{kind::kRunEnded, "End of a run"},
    Pair{kind::kEvidenceVerify, "Verification of the evidence"},
    Pair{kind::kSigningKey, "Key that signs checkpoints"},
    Pair{kind::kRestore, "Restore"},
    Pair{kind::kRestoreDrill, "Restore drill"},
    Pair{kind::kRestoreDrillOffsite, "Restore drill from a copy off the host"},
    Pair{kind::kDurabilityProof, "Durability proof of a server"},
    Pair{kind::kDurabilityProofNode, "Durability proof of a machine"},
    Pair{kind::kAmcheck, "Check of a database for damage"},
    Pair{kind::kLedgerDamage, "Damage of the ledger"},
    Pair{kind::kStatusContract, "Check of the program's status answers"},
    Pair{kind::kErrorContract, "Check of the program's error answers"},
    Pair{kind::kCanary, "Check that no secret is told"},
    Pair{kind::kHealthLatency, "Latency of the health answer"},
    Pair{kind::kMatrix, "Requirements held against the evidence"},
};

std::string text_in(const json::object& entry, std::string_view section, std::string_view key) {
  const json::object* object = find_object(entry, section);
  return object == nullptr ? std::string() : without_controls(text_of(*object, key));
}

std::string plain(const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(*text);
  return value.is_null() ? std::string() : canonical_json(value);
}

std::string top(const json::object& entry, std::string_view key) {
  return without_controls(text_of(entry, key));
}

std::string number_of(const json::object& entry, std::string_view key) {
  const json::value* value = find_value(entry, key);
  return value != nullptr && value->is_number() ? canonical_json(*value) : std::string();
}

std::string measure_of(const json::object& entry, std::string_view key) {
  const json::object* measures = find_object(entry, "measures");
  return measures == nullptr ? std::string() : number_of(*measures, key);
}

// "backup app-…; job nightly": what is null says nothing.
std::string subject_of(const json::object& entry) {
  std::string words;
  const json::object* subject = find_object(entry, "subject");
  if (subject == nullptr) return words;
  for (const auto& member : *subject) {
    const std::string value = plain(member.value());
    if (value.empty() || member.key() == "act") continue;
    if (!words.empty()) words += "; ";
    words += fmt::format("{} {}", std::string_view(member.key()), value);
  }
  return without_controls(words);
}

std::string what_of(const json::object& entry) {
  const std::string act = text_in(entry, "subject", "act");
  std::string words = without_controls(words_of_kind(text_of(entry, "kind")));
  if (!act.empty()) words += fmt::format(" ({})", act);
  return words;
}

std::string deviations_of(const json::object& entry) {
  std::string words;
  const json::array* all = find_array(entry, "deviations");
  if (all == nullptr) return words;
  for (const json::value& one : *all) {
    if (!words.empty()) words += "; ";
    words += plain(one);
  }
  return without_controls(words);
}

std::string plain_member(const json::object& object, std::string_view key) {
  const json::value* const value = find_value(object, key);
  return value == nullptr ? std::string() : plain(*value);
}

// "rows_app: 12 expected, 11 found": what the number of them does not tell.
std::string assertion_words(const json::object& assertion) {
  const std::string id = text_of(assertion, "id");
  const std::string expected = plain_member(assertion, "expected");
  const std::string actual = plain_member(assertion, "actual");
  if (expected.empty()) return actual.empty() ? id : fmt::format("{}: {} found", id, actual);
  return fmt::format("{}: {} expected, {} found", id, expected,
                     actual.empty() ? "nothing" : actual);
}

void add_failed(std::string& words, uint64_t number, const json::object& assertion) {
  if (number > kMostNamed) return;
  if (!words.empty()) words += "; ";
  words += number < kMostNamed ? without_controls(assertion_words(assertion)) : "and more";
}

void take_assertions(const json::object& entry, ExportFields& fields) {
  const json::array* all = find_array(entry, "assertions");
  if (all == nullptr) return;
  for (const json::value& one : *all) {
    const std::string result = one.is_object() ? text_of(one.get_object(), "result") : "";
    ++(result == "passed" ? fields.passed : result == "failed" ? fields.failed : fields.not_run);
    if (result == "failed") add_failed(fields.failed_checks, fields.failed - 1, one.get_object());
  }
}

std::string checkpoint_words(const json::value& checkpoint) {
  if (!checkpoint.is_object()) return "none";
  const json::object& object = checkpoint.get_object();
  return fmt::format("entry {} has the hash {}, says the key {} at {}; signature {}",
                     number_of(object, "size"), top(object, "head"), top(object, "key_id"),
                     top(object, "at"), top(object, "sig"));
}

}  // namespace

std::string words_of_kind(std::string_view kind) {
  const auto* const found = std::ranges::find(kKinds, kind, &Pair::first);
  return std::string(found == kKinds.end() ? kind : found->second);
}

std::string without_controls(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool shown = byte >= 0x20 ? byte != 0x7f : c == '\n' || c == '\t';
    if (shown)
      out += c;
    else
      out += fmt::format("\\x{:02x}", byte);
  }
  return out;
}

ExportFields export_fields(const json::object& entry) {
  ExportFields fields;
  fields.seq = number_of(entry, "seq");
  fields.started_at = top(entry, "started_at");
  fields.ended_at = top(entry, "ended_at");
  fields.what = what_of(entry);
  fields.subject = subject_of(entry);
  fields.duration_s = number_of(entry, "duration_s");
  fields.result = top(entry, "result");
  fields.error_code = top(entry, "error_code");
  fields.rto_s = measure_of(entry, "rto_s");
  fields.rto_target_s = measure_of(entry, "rto_target_s");
  fields.rpo_s = measure_of(entry, "rpo_s");
  fields.rpo_target_s = measure_of(entry, "rpo_target_s");
  take_assertions(entry, fields);
  fields.deviations = deviations_of(entry);
  fields.by = text_in(entry, "trigger", "by");
  fields.actor = text_in(entry, "trigger", "actor");
  fields.correlation_id = text_in(entry, "trigger", "correlation_id");
  fields.reason = top(entry, "reason");
  fields.reference = top(entry, "ref");
  fields.follow_up = top(entry, "follow_up");
  fields.entry_hash = top(entry, "entry_hash");
  if (const auto named = ledger::named_log(entry)) {
    fields.log_sha256 = named->log.sha256;
    fields.log_bytes = std::to_string(named->log.bytes.count);
  }
  return fields;
}

std::vector<std::pair<std::string, std::string>> head_lines(const ExportHead& head) {
  std::vector<std::pair<std::string, std::string>> lines{
      {"Period from", head.from.empty() ? "the first entry" : head.from},
      {"Period to", head.to.empty() ? "the last entry" : head.to},
      {"Kind", head.kind.empty() ? "all" : head.kind},
      {"Made at", format_rfc3339(head.generated_at) + " by vigie " + head.version},
      {"Entries", std::to_string(head.entries)}};
  for (const auto& [key, count] : head.counts)
    lines.emplace_back(fmt::format("{}, {}", words_of_kind(key.first), key.second),
                       std::to_string(count));
  lines.emplace_back("Head of the ledger",
                     head.last_seq == 0
                         ? "it has no entry"
                         : fmt::format("entry {}, hash {}", head.last_seq, head.head));
  lines.emplace_back("Newest checkpoint", checkpoint_words(head.newest));
  lines.emplace_back("Checkpoint of these entries", checkpoint_words(head.checkpoint));
  lines.emplace_back(
      "How to verify",
      "vigie evidence verify FOLDER --public-key ledger.pub, on a copy of the ledger, finds each "
      "of "
      "these hashes; of an export as JSON: vigie evidence verify --export FILE --public-key "
      "ledger.pub. Take ledger.pub from somewhere else than this file");
  for (auto& [key, value] : lines) {
    key = without_controls(key);
    value = without_controls(value);
  }
  return lines;
}

}  // namespace vigie::cli
