#include "ledger/named_log.h"

namespace vigie::ledger {

std::optional<NamedLog> named_log(const LineView& entry) {
  // Keys are sorted: it stands behind the hash.
  if (entry.behind.find("\"log\":{") == std::string_view::npos) return std::nullopt;
  const auto whole = parse_json(std::string(entry.before) + std::string(entry.behind),
                                {.max_bytes = kMaxLine.count});
  return whole && whole->is_object() ? named_log(whole->get_object()) : std::nullopt;
}

std::optional<NamedLog> named_log(const json::object& entry) {
  const json::object* const trigger = find_object(entry, "trigger");
  const json::object* const log = find_object(entry, "log");
  if (trigger == nullptr || log == nullptr) return std::nullopt;
  const json::string* const run = find_string(*trigger, "run_id");
  const json::string* const sha256 = find_string(*log, "sha256");
  const json::value* const bytes = find_value(*log, "bytes");
  if (run == nullptr || sha256 == nullptr || bytes == nullptr) return std::nullopt;
  json::error_code error;
  const auto count = bytes->to_number<uint64_t>(error);
  if (error) return std::nullopt;
  return NamedLog{RunId(std::string(*run)), {std::string(*sha256), {count}}};
}

}  // namespace vigie::ledger
