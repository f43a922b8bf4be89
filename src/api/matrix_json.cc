#include "api/matrix_json.h"

#include <algorithm>

namespace vigie::api {
namespace {

using ledger::MatrixPart;
using ledger::MatrixRow;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value time_or_null(const std::optional<SystemTime>& time) {
  return time ? json::value(format_rfc3339(*time)) : json::value(nullptr);
}

json::value age_or_null(const std::optional<SystemTime>& time, SystemTime now) {
  return time ? json::value(std::max(0.0, to_seconds(now - *time))) : json::value(nullptr);
}

json::array texts(const std::vector<std::string>& all) {
  json::array array;
  for (const std::string& one : all) array.emplace_back(one);
  return array;
}

std::string day_text(std::chrono::year_month_day day) {
  return format_rfc3339(std::chrono::sys_days(day)).substr(0, 10);
}

json::value waiver_json(const MatrixRow& row) {
  if (!row.waiver) return nullptr;
  return json::object{{"by", row.waiver->by},
                      {"why", row.waiver->why},
                      {"until", day_text(row.waiver->until)},
                      {"in_force", row.waived}};
}

json::value attempt_json(const MatrixPart& part) {
  if (!part.attempt) return nullptr;
  return json::object{{"evidence_id", part.attempt->id},
                      {"result", to_string(part.attempt->result)},
                      {"at", format_rfc3339(part.attempt->at)}};
}

json::object part_json(const MatrixPart& part, SystemTime now) {
  return {{"kind", part.kind},
          {"subject", text_or_null(part.subject)},
          {"status", to_string(part.status)},
          {"evidence_id", text_or_null(part.evidence_id)},
          {"validated_at", time_or_null(part.validated_at)},
          {"age_s", age_or_null(part.validated_at, now)},
          {"max_age_s", to_seconds(part.max_age)},
          {"last_attempt", attempt_json(part)}};
}

json::array parts_json(std::vector<MatrixPart> parts, SystemTime now) {
  std::ranges::stable_sort(parts, {}, &MatrixPart::status);
  json::array array;
  for (size_t i = 0; i < std::min(parts.size(), kMostParts); ++i)
    array.push_back(part_json(parts[i], now));
  return array;
}

json::object row_json(const MatrixRow& row, SystemTime now) {
  json::object object{{"id", row.requirement.id},
                      {"text", row.requirement.text},
                      {"status", to_string(row.status)},
                      {"validated_by", texts(row.requirement.validated_by)},
                      {"contradicted_by", texts(row.requirement.contradicted_by)},
                      {"required", row.requirement.required},
                      {"evidence_status", to_string(row.evidence_status)}};
  for (const auto& [key, value] : part_json(row.decides, now))
    if (key != "status") object[key] = value;
  object["waiver"] = waiver_json(row);
  object["parts"] = parts_json(row.parts, now);
  object["parts_total"] = row.parts.size();
  return object;
}

}  // namespace

json::object matrix_document(std::span<const MatrixRow> rows, SystemTime now) {
  json::object counts;
  for (const ledger::Standing one : ledger::kEveryStanding)
    counts[to_string(one)] = std::ranges::count(rows, one, &MatrixRow::status);
  json::array items;
  for (const MatrixRow& row : rows) items.push_back(row_json(row, now));
  return {{"schema", "vigie.matrix/1"},
          {"generated_at", format_rfc3339(now)},
          {"counts", std::move(counts)},
          {"required", std::ranges::count_if(
                           rows, [](const MatrixRow& row) { return row.requirement.required; })},
          {"required_unmet", ledger::count_unmet(rows)},
          {"items", std::move(items)}};
}

}  // namespace vigie::api
