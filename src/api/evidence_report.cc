#include "api/evidence_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/route_support.h"

namespace vigie::api {
namespace {

constexpr size_t kMostIds = 50;
constexpr size_t kMostMeasures = 100;
constexpr size_t kMostArtefacts = 50;
constexpr size_t kNameLimit = 200;
constexpr std::array kResults{Verdict::passed, Verdict::failed, Verdict::could_not_verify};

Result<Verdict> parse_result(const json::object& body) {
  TRY_ASSIGN(const auto text, body_text(body, "result", kNameLimit));
  for (const Verdict one : kResults)
    if (text && *text == to_string(one)) return one;
  return invalid("result", "passed, failed or could_not_verify");
}

Result<std::optional<SystemTime>> body_time(const json::object& body, std::string_view key) {
  TRY_ASSIGN(const auto text, body_text(body, key, kNameLimit));
  if (!text) return std::optional<SystemTime>();
  const auto time = parse_rfc3339(*text);
  if (!time) return invalid(key, "a time as in RFC 3339");
  return std::optional(*time);
}

Result<json::object> parse_measures(const json::object& body) {
  const auto* const value = find_value(body, "measures");
  if (value == nullptr || value->is_null()) return json::object();
  const auto* const measures = value->if_object();
  const bool numbers =
      measures != nullptr && measures->size() <= kMostMeasures &&
      std::ranges::all_of(*measures, [](const auto& one) { return one.value().is_number(); });
  if (!numbers)
    return invalid("measures", fmt::format("an object of at most {} numbers", kMostMeasures));
  for (const auto& one : *measures)
    if (!is_name(one.key())) return invalid("measures", "names of [a-z0-9][a-z0-9_-]{0,62}");
  return *measures;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<EvidenceReport::File> parse_file(const json::value& value) {
  constexpr std::string_view kForm = "objects of name, sha256 (64 hexadecimal digits) and bytes";
  if (!value.is_object()) return invalid("artefacts", kForm);
  const json::object& object = value.get_object();
  TRY_ASSIGN(auto name, body_text(object, "name", kNameLimit));
  TRY_ASSIGN(auto sha256, body_text(object, "sha256", 64));
  const auto* const bytes = find_value(object, "bytes");
  const int64_t* const count = bytes == nullptr ? nullptr : bytes->if_int64();
  const bool valid = name && !name->empty() && sha256 && is_sha256(*sha256) && count != nullptr &&
                     *count >= 0 && object.size() == 3;
  if (!valid) return invalid("artefacts", kForm);
  return EvidenceReport::File{*std::move(name), *std::move(sha256), static_cast<uint64_t>(*count)};
}

Result<std::vector<EvidenceReport::File>> parse_files(const json::object& body) {
  std::vector<EvidenceReport::File> files;
  const auto* const value = find_value(body, "artefacts");
  if (value == nullptr || value->is_null()) return files;
  const auto* const list = value->if_array();
  if (list == nullptr || list->size() > kMostArtefacts)
    return invalid("artefacts", fmt::format("a list of at most {}", kMostArtefacts));
  for (const json::value& one : *list) {
    TRY_ASSIGN(auto file, parse_file(one));
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

Result<EvidenceReport> parse_evidence_report(const json::object& body) {
  EvidenceReport report;
  TRY_ASSIGN(auto kind, body_text(body, "kind", kNameLimit));
  report.kind = std::move(kind).value_or("");
  TRY_ASSIGN(report.requirement_ids, body_texts(body, "requirement_ids", kMostIds, kNameLimit));
  if (report.requirement_ids.empty())
    return invalid("requirement_ids", "the ids of one or more requirements");
  TRY_ASSIGN(report.result, parse_result(body));
  TRY_ASSIGN(report.measures, parse_measures(body));
  TRY_ASSIGN(report.artefacts, parse_files(body));
  TRY_ASSIGN(report.started_at, body_time(body, "started_at"));
  TRY_ASSIGN(report.ended_at, body_time(body, "ended_at"));
  return report;
}

}  // namespace vigie::api
