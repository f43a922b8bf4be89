#include "ledger/damages.h"

#include <algorithm>
#include <memory>

#include "base/hash.h"
#include "ledger/entry.h"

namespace vigie::ledger {
namespace {

std::string_view text_at(const json::object& object, std::string_view key) {
  const json::string* text = find_string(object, key);
  return text ? std::string_view(*text) : std::string_view();
}

uint64_t number_at(const json::object& object, std::string_view key) {
  const json::value* value = find_value(object, key);
  if (!value || !value->is_number()) return 0;
  json::error_code error;
  const auto number = value->to_number<uint64_t>(error);
  return error ? 0 : number;
}

void note_damage(Survey& survey, const json::object& entry, uint64_t seq) {
  const json::object* measures = find_object(entry, "measures");
  const json::array* segments = measures ? find_array(*measures, "segments") : nullptr;
  for (size_t i = 0; segments && i < segments->size(); ++i) {
    const json::object* one = (*segments)[i].if_object();
    if (!one) continue;
    survey.recorded.push_back({std::string(text_at(*one, "segment")), number_at(*one, "line"),
                               number_at(*one, "problems"), number_at(*one, "bytes"),
                               std::string(text_at(*one, "sha256")), seq});
  }
}

void note_verification(Survey& survey, const json::object& entry, uint64_t seq) {
  const json::object* measures = find_object(entry, "measures");
  VerificationView& noted = survey.verification.emplace();
  noted.at = parse_rfc3339(text_at(entry, "ended_at")).value_or(SystemTime());
  const std::string_view result = text_at(entry, "result");
  if (result == to_string(Outcome::passed)) noted.result = Verdict::passed;
  if (result == to_string(Outcome::failed)) noted.result = Verdict::failed;
  noted.error_code = text_at(entry, "error_code");
  noted.problems = measures ? number_at(*measures, "problems") : 0;
  survey.verification_seq = seq;
}

// The first `size` bytes of it: a torn line behind them is not of the segment.
Result<std::string> hash_of(const platform::ReadableFile& file, Bytes size,
                            const std::stop_token& stop) {
  constexpr uint64_t kBuffer = 1 << 20;
  const auto memory = std::make_unique_for_overwrite<unsigned char[]>(kBuffer);
  Sha256 hash;
  for (uint64_t at = 0; at < size.count;) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
    const std::span<unsigned char> into(memory.get(), std::min(kBuffer, size.count - at));
    TRY_ASSIGN(const size_t got, file.read_at(at, into));
    if (got == 0) break;
    hash.update(into.first(got));
    at += got;
  }
  return hex_encode(hash.finish());
}

Result<> identify(platform::FileSystem& files, const platform::Path& path, DamageView& damage,
                  const std::stop_token& stop) {
  const auto file = files.open_read(path);
  if (!file) return {};
  auto sha256 = hash_of(**file, damage.size, stop);
  if (sha256) {
    damage.sha256 = *std::move(sha256);
  } else if (sha256.error().code() == ErrorCode::cancelled) {
    return fail(sha256.error());
  }
  return {};
}

}  // namespace

Result<> identify_damages(platform::FileSystem& files, const platform::Path& folder, Survey& survey,
                          const std::stop_token& stop) {
  for (DamageView& damage : survey.damages) {
    const auto found = std::ranges::find(survey.segments, damage.segment, &SegmentView::name);
    if (found == survey.segments.end()) continue;  // what was lost before the first segment
    damage.size = found->size;
    TRY(identify(files, folder / damage.segment, damage, stop));
  }
  return {};
}

bool concerns_ledger(std::string_view kind) {
  return kind == kind::kLedgerDamage || kind == kind::kAcknowledgement ||
         kind == kind::kEvidenceVerify;
}

void note_line(Survey& survey, std::string_view line) {
  const auto parsed = parse_json(line, {.max_bytes = kMaxLine.count});
  const json::object* entry = parsed ? parsed->if_object() : nullptr;
  if (!entry) return;
  const uint64_t seq = number_at(*entry, "seq");
  if (text_at(*entry, "kind") == kind::kLedgerDamage) {
    note_damage(survey, *entry, seq);
  } else if (text_at(*entry, "kind") == kind::kEvidenceVerify) {
    note_verification(survey, *entry, seq);
  } else {
    const json::object* subject = find_object(*entry, "subject");
    if (subject && text_at(*subject, "type") == "ledger") survey.acknowledged_seq = seq;
  }
}

void match_damages(Survey& survey) {
  for (DamageView& damage : survey.damages) {
    const auto same = [&](const DamageRecord& record) {
      return record.segment == damage.segment && record.line == damage.line &&
             record.problems == damage.problems && record.bytes == damage.size.count &&
             record.sha256 == damage.sha256;
    };
    const auto found = std::ranges::find_if(survey.recorded, same);
    damage.recorded_seq = found == survey.recorded.end() ? 0 : found->seq;
    damage.acknowledged = damage.recorded_seq > 0 && survey.acknowledged_seq > damage.recorded_seq;
  }
}

}  // namespace vigie::ledger
