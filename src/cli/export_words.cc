// What an exported entry says, in words.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "cli/cells.h"
#include "cli/export_writer.h"
#include "ledger/named_log.h"

namespace vigie::cli {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array kKinds{
    Pair{"backup", "Backup"},
    Pair{"backup_verify", "Verification of a backup"},
    Pair{"retention", "Expiry of old backups"},
    Pair{"scrub", "Backup read again"},
    Pair{"missed_run", "Run that did not start"},
    Pair{"hold", "Hold"},
    Pair{"plausibility", "Backup that does not fit the one before"},
    Pair{"acknowledgement", "Acknowledgement"},
    Pair{"config_reload", "New configuration"},
    Pair{"clock", "Clock set back"},
    Pair{"token", "Token"},
    Pair{"recovered", "Backup found unrecorded"},
    Pair{"interrupted", "Run interrupted"},
    Pair{"preflight", "Check before a backup"},
    Pair{"run_ended", "End of a run"},
    Pair{"evidence_verify", "Verification of the evidence"},
    Pair{"signing_key", "Key that signs checkpoints"},
    Pair{"restore", "Restore"},
    Pair{"drill", "Restore drill"},
    Pair{"ledger_damage", "Damage of the ledger"},
};

std::string text_in(const json::object& entry, std::string_view section, std::string_view key) {
  const json::object* object = find_object(entry, section);
  return object == nullptr ? std::string() : without_controls(text_of(*object, key));
}

std::string plain(const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(*text);
  return value.is_null() ? std::string() : canonical_json(value);
}

std::string number_in(const json::object& entry, std::string_view section, std::string_view key) {
  const json::object* object = find_object(entry, section);
  const json::value* value = object == nullptr ? nullptr : find_value(*object, key);
  return value != nullptr && value->is_number() ? canonical_json(*value) : std::string();
}

std::string top(const json::object& entry, std::string_view key) {
  return without_controls(text_of(entry, key));
}

std::string number_of(const json::object& entry, std::string_view key) {
  const json::value* value = find_value(entry, key);
  return value != nullptr && value->is_number() ? canonical_json(*value) : std::string();
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

void count_assertions(const json::object& entry, ExportFields& fields) {
  const json::array* all = find_array(entry, "assertions");
  if (all == nullptr) return;
  for (const json::value& one : *all) {
    const std::string result = one.is_object() ? text_of(one.get_object(), "result") : "";
    ++(result == "passed" ? fields.passed : result == "failed" ? fields.failed : fields.not_run);
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
  fields.rto_s = number_in(entry, "measures", "rto_s");
  fields.rto_target_s = number_in(entry, "measures", "rto_target_s");
  fields.rpo_s = number_in(entry, "measures", "rpo_s");
  fields.rpo_target_s = number_in(entry, "measures", "rpo_target_s");
  count_assertions(entry, fields);
  fields.deviations = deviations_of(entry);
  fields.by = text_in(entry, "trigger", "by");
  fields.actor = text_in(entry, "trigger", "actor");
  fields.correlation_id = text_in(entry, "trigger", "correlation_id");
  fields.reason = top(entry, "reason");
  fields.reference = top(entry, "ref");
  fields.follow_up = top(entry, "follow_up");
  fields.entry_hash = top(entry, "entry_hash");
  if (const auto named = ledger::named_log(entry))
    fields.log = fmt::format("{} ({} bytes)", named->log.sha256, named->log.bytes.count);
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
