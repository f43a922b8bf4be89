#include "api/route_support.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "api/http_head.h"
#include "base/encoding.h"

namespace vigie::api {
namespace {

constexpr JsonLimits kBodyLimits{.max_bytes = 64 << 10, .max_depth = 8};
constexpr size_t kReasonLimit = 500;
constexpr size_t kReferenceLimit = 200;

bool is_plain(std::string_view text) {
  return is_utf8(text) &&
         std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

bool is_json(const Request& request) {
  const auto type = request.header("content-type").value_or("");
  auto essence = type.substr(0, type.find(';'));
  while (essence.ends_with(' ')) essence.remove_suffix(1);
  return equal_ignoring_case(essence, "application/json");
}

size_t count(const Request& request, std::string_view name) {
  return size_t(
      std::ranges::count_if(request.query, [&](const auto& item) { return item.first == name; }));
}

}  // namespace

Response json_response(const json::value& value, int status) {
  Response response;
  response.status = status;
  response.body = json_text(value);
  return response;
}

Response accepted_run(const RunId& run) {
  const auto location = "/v1/runs/" + run.str();
  auto response = json_response(json::object{{"run_id", run.str()}, {"location", location}}, 202);
  response.headers.emplace_back("Location", location);
  return response;
}

tl::unexpected<Error> invalid(std::string_view argument, std::string_view expected) {
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", printable(argument, 60)}, {"expected", std::string(expected)}});
}

Result<json::object> command_body(const Request& request, std::vector<std::string_view> allowed) {
  TRY(only_parameters(request, {}));
  if (request.body.empty()) return json::object();
  if (!is_json(request))
    return fail(ErrorCode::http_unsupported_media, {{"expected", "application/json"}});
  auto value = parse_json(request.body, kBodyLimits);
  if (!value)
    return invalid("the body", fmt::format("JSON ({})", value.error().parameter("reason")));
  if (!value->is_object()) return invalid("the body", "a JSON object");
  for (const auto& member : value->get_object())
    if (std::ranges::find(allowed, std::string_view(member.key())) == allowed.end())
      return invalid(member.key(), "no such member");
  return std::move(value->get_object());
}

Result<std::optional<std::string>> body_text(const json::object& body, std::string_view key,
                                             size_t limit) {
  const auto* value = find_value(body, key);
  if (value == nullptr || value->is_null()) return std::optional<std::string>();
  const auto* text = value->if_string();
  if (text == nullptr || text->size() > limit || !is_plain(std::string_view(*text)))
    return invalid(key, "a text of at most " + std::to_string(limit) + " bytes");
  return std::optional(std::string(*text));
}

Result<bool> body_flag(const json::object& body, std::string_view key) {
  const auto* value = find_value(body, key);
  if (value == nullptr || value->is_null()) return false;
  if (!value->is_bool()) return invalid(key, "true or false");
  return value->get_bool();
}

Result<size_t> body_number(const json::object& body, std::string_view key, size_t otherwise,
                           size_t most) {
  const auto* value = find_value(body, key);
  if (value == nullptr || value->is_null()) return otherwise;
  const int64_t* number = value->if_int64();
  if (number == nullptr || *number < 1 || static_cast<uint64_t>(*number) > most)
    return invalid(key, "a number from 1 to " + std::to_string(most));
  return static_cast<size_t>(*number);
}

Result<std::vector<std::string>> body_texts(const json::object& body, std::string_view key,
                                            size_t most, size_t limit) {
  std::vector<std::string> texts;
  const auto* value = find_value(body, key);
  if (value == nullptr || value->is_null()) return texts;
  const auto* list = value->if_array();
  if (list == nullptr || list->size() > most)
    return invalid(key, "a list of at most " + std::to_string(most) + " texts");
  for (const json::value& one : *list) {
    TRY_ASSIGN(auto text, body_text({{key, one}}, key, limit));
    texts.push_back(std::move(text).value_or(""));
  }
  return texts;
}

Result<CallContext> with_reason(const Call& call, const json::object& body) {
  CallContext context = call.context;
  TRY_ASSIGN(auto reason, body_text(body, "reason", kReasonLimit));
  TRY_ASSIGN(auto reference, body_text(body, "ref", kReferenceLimit));
  context.reason = std::move(reason).value_or("");
  context.reference = std::move(reference).value_or("");
  return context;
}

Result<std::optional<std::string>> text_parameter(const Request& request, std::string_view name) {
  if (count(request, name) > 1) return invalid(name, "one value");
  const auto value = request.parameter(name);
  return value ? std::optional(std::string(*value)) : std::nullopt;
}

Result<size_t> limit_parameter(const Request& request, std::string_view name, size_t otherwise,
                               size_t most) {
  TRY_ASSIGN(const auto text, text_parameter(request, name));
  if (!text) return otherwise;
  size_t value = 0;
  const char* end = text->data() + text->size();
  const auto [stop, failure] = std::from_chars(text->data(), end, value);
  if (failure != std::errc() || stop != end || value < 1 || value > most)
    return invalid(name, "a number from 1 to " + std::to_string(most));
  return value;
}

Result<bool> flag_parameter(const Request& request, std::string_view name) {
  TRY_ASSIGN(const auto text, text_parameter(request, name));
  if (!text || *text == "0" || *text == "false") return false;
  if (*text == "1" || *text == "true") return true;
  return invalid(name, "0 or 1");
}

Result<std::optional<SystemTime>> time_parameter(const Request& request, std::string_view name) {
  TRY_ASSIGN(const auto text, text_parameter(request, name));
  if (!text) return std::optional<SystemTime>();
  const auto time = parse_rfc3339(*text);
  if (!time) return invalid(name, "a time as in RFC 3339");
  return std::optional(*time);
}

Result<> only_parameters(const Request& request, std::vector<std::string_view> known) {
  for (const auto& [name, value] : request.query)
    if (std::ranges::find(known, name) == known.end()) return invalid(name, "no such parameter");
  return {};
}

Result<RunId> parse_run_id(std::string_view text) {
  const bool valid = text.size() == 32 && std::ranges::all_of(text, [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                     });
  if (!valid) return fail(ErrorCode::run_not_found, {{"run", printable(text, 60)}});
  return RunId(std::string(text));
}

}  // namespace vigie::api
