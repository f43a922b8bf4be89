#include "api/problem.h"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <optional>

#include "platform/log.h"

namespace vigie::api {
namespace {

constexpr uint64_t kRetryAfterDefault = 5;  // seconds

std::optional<uint64_t> parameter_seconds(const Error& error) {
  const auto text = error.parameter("seconds");
  uint64_t seconds = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds;
}

std::optional<uint64_t> retry_after(const Error& error) {
  const auto& info = error.info();
  if (!info.retryable || (info.http_status != 429 && info.http_status != 503)) return std::nullopt;
  if (info.error_class == "limit") return parameter_seconds(error).value_or(kRetryAfterDefault);
  return kRetryAfterDefault;
}

std::string_view challenge(const Error& error) {
  if (error.code() == ErrorCode::token_missing) return "Bearer realm=\"vigie\"";
  if (error.code() == ErrorCode::token_scope)
    return "Bearer realm=\"vigie\", error=\"insufficient_scope\"";
  if (error.info().http_status == 401) return "Bearer realm=\"vigie\", error=\"invalid_token\"";
  return {};
}

}  // namespace

json::object problem_document(const Error& error, const ProblemContext& context) {
  const auto& info = error.info();
  json::object document;
  document["type"] = "urn:vigie:error:" + std::string(info.name);
  document["title"] = info.title;
  document["status"] = info.http_status;
  // A client's own words stand in both, and it may have put a token in the wrong place.
  document["detail"] = platform::known_secrets().scrub(error.detail(context.audience));
  document["instance"] = platform::known_secrets().scrub(context.instance);
  document["code"] = info.name;
  document["correlation_id"] = context.correlation_id;
  document["timestamp"] = format_rfc3339(context.now);
  document["retryable"] = info.retryable;
  const auto seconds = retry_after(error);
  document["retry_after_s"] = seconds ? json::value(*seconds) : json::value(nullptr);
  document["errors"] = json::array();
  document["runbook"] = info.runbook;
  document["next"] = platform::known_secrets().scrub(error.remedy(context.audience));
  return document;
}

Response problem_response(const Error& error, const ProblemContext& context) {
  Response response;
  response.status = error.info().http_status;
  response.content_type = kProblemType;
  response.body = json_text(problem_document(error, context));
  if (const auto seconds = retry_after(error))
    response.headers.emplace_back("Retry-After", std::to_string(*seconds));
  if (const auto words = challenge(error); !words.empty())
    response.headers.emplace_back("WWW-Authenticate", words);
  return response;
}

}  // namespace vigie::api
