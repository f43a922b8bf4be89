#include "ledger/entry_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/line.h"
#include "ledger/redact.h"
#include "ledger/requirements.h"
#include "platform/log.h"

namespace vigie::ledger {
namespace {

bool is_hex(std::string_view text, size_t size) {
  return text.size() == size &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_empty_or(bool form, std::string_view text) {
  return text.empty() || form;
}

Result<> invalid(std::string field, std::string expected) {
  return fail(ErrorCode::ledger_entry_invalid,
              {{"field", std::move(field)}, {"expected", std::move(expected)}});
}

Result<> check(const Entry& entry) {
  if (!is_kind(entry.kind)) return invalid("kind", "[a-z][a-z0-9_]{0,62}");
  if (entry.trigger.by.empty()) return invalid("trigger.by", "schedule, human or daemon");
  const std::string& correlation = entry.trigger.correlation_id.str();
  if (!is_empty_or(is_correlation_id(correlation), correlation))
    return invalid("trigger.correlation_id", "[A-Za-z0-9._-]{1,48}");
  const std::string& run = entry.trigger.run_id.str();
  if (!is_empty_or(is_hex(run, 32), run)) return invalid("trigger.run_id", "32 hexadecimal digits");
  for (const ArtefactRef& one : entry.artefacts) {
    if (one.name.empty()) return invalid("artefacts.name", "a name");
    if (!is_empty_or(is_hex(one.sha256, 64), one.sha256))
      return invalid("artefacts.sha256", "64 hexadecimal digits");
  }
  return {};
}

json::value or_null(std::string_view text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

std::string free_text(const std::string& text) {
  return platform::known_secrets().scrub(text);
}

json::array requirement_ids(const Entry& entry) {
  json::array ids;
  for (const std::string& id : entry.requirement_ids) ids.emplace_back(id);
  if (!ids.empty()) return ids;
  for (const std::string_view id : requirements_of(entry.kind)) ids.emplace_back(id);
  return ids;
}

json::object trigger(const Trigger& trigger) {
  return {{"by", trigger.by},
          {"actor", or_null(trigger.actor)},
          {"correlation_id", or_null(trigger.correlation_id.str())},
          {"run_id", or_null(trigger.run_id.str())}};
}

json::array assertions(const std::vector<Assertion>& all) {
  json::array array;
  for (const Assertion& one : all) {
    array.push_back(json::object{{"id", one.id},
                                 {"expected", one.expected},
                                 {"actual", one.actual},
                                 {"result", to_string(one.result)}});
  }
  return array;
}

json::array artefacts(const std::vector<ArtefactRef>& all) {
  json::array array;
  for (const ArtefactRef& one : all) {
    const auto bytes = one.bytes ? json::value(one.bytes->count) : json::value(nullptr);
    array.push_back(
        json::object{{"name", one.name}, {"sha256", or_null(one.sha256)}, {"bytes", bytes}});
  }
  return array;
}

size_t depth_of(const json::value& value, size_t stop) {
  size_t deepest = 0;
  if (stop == 0) return 1;
  if (const json::array* array = value.if_array()) {
    for (const json::value& one : *array) deepest = std::max(deepest, depth_of(one, stop - 1));
  } else if (const json::object* object = value.if_object()) {
    for (const auto& one : *object) deepest = std::max(deepest, depth_of(one.value(), stop - 1));
  } else {
    return 0;
  }
  return deepest + 1;
}

double duration_s(const Entry& entry) {
  return std::max(0.0, to_seconds(entry.ended_at - entry.started_at));
}

json::object members(const Entry& entry, std::string id) {
  json::array deviations;
  for (const std::string& one : entry.deviations) deviations.emplace_back(free_text(one));
  return {{"id", std::move(id)},
          {"kind", entry.kind},
          {"requirement_ids", requirement_ids(entry)},
          {"started_at", format_rfc3339(entry.started_at)},
          {"ended_at", format_rfc3339(entry.ended_at)},
          {"duration_s", duration_s(entry)},
          {"result", to_string(entry.result)},
          {"error_code", or_null(entry.error_code)},
          {"trigger", trigger(entry.trigger)},
          {"subject", entry.subject},
          {"environment", entry.environment},
          {"measures", entry.measures},
          {"assertions", assertions(entry.assertions)},
          {"artefacts", artefacts(entry.artefacts)},
          {"deviations", std::move(deviations)},
          {"follow_up", or_null(free_text(entry.follow_up))},
          {"reason", or_null(free_text(entry.reason))},
          {"ref", or_null(free_text(entry.reference))}};
}

}  // namespace

Result<json::object> to_json(const Entry& entry, std::string id,
                             const std::optional<RunLogRef>& log) {
  TRY(check(entry));
  json::value value(members(entry, std::move(id)));
  if (log)
    value.as_object()["log"] = json::object{{"sha256", log->sha256}, {"bytes", log->bytes.count}};
  if (depth_of(value, kMaxDepth + 1) > kMaxDepth) {
    return fail(ErrorCode::limit_exceeded, {{"name", "depth of an entry of evidence"},
                                            {"observed", fmt::format("over {}", kMaxDepth)},
                                            {"limit", fmt::format("{}", kMaxDepth)}});
  }
  redact(value);
  return std::move(value.as_object());
}

}  // namespace vigie::ledger
