#include "api/correlation.h"

#include <algorithm>

#include "platform/log.h"

namespace vigie::api {
namespace {

bool is_hex(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// An id goes into logs, manifests and the ledger, where nothing can be taken back: a token in the
// wrong header must not.
bool is_usable(std::string_view id) {
  return is_correlation_id(id) && platform::known_secrets().clean(id);
}

bool all_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

std::optional<std::string_view> trace_id(std::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags; a later version may be longer.
  constexpr size_t kLength = 55;
  if (traceparent.size() < kLength) return std::nullopt;
  const auto version = traceparent.substr(0, 2);
  const auto trace = traceparent.substr(3, 32);
  const auto parent = traceparent.substr(36, 16);
  const bool dashes = traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-';
  const bool length =
      traceparent.size() == kLength || (version != "00" && traceparent[kLength] == '-');
  const bool hex =
      is_hex(version) && is_hex(trace) && is_hex(parent) && is_hex(traceparent.substr(53, 2));
  if (!dashes || !length || !hex || version == "ff" || all_zero(trace) || all_zero(parent))
    return std::nullopt;
  return trace;
}

Correlation correlate(const Request& request) {
  Correlation correlation;
  const auto given = request.header("x-correlation-id");
  const auto request_id = request.header("x-request-id");
  const auto parent = request.header("traceparent");
  if (given && is_usable(*given)) {
    correlation.correlation_id = CorrelationId(std::string(*given));
  } else if (const auto trace = parent ? trace_id(*parent) : std::nullopt; trace && !given) {
    correlation.correlation_id = CorrelationId(std::string(*trace));
  } else {
    correlation.correlation_id = new_correlation_id();
  }
  correlation.request_id =
      request_id && is_usable(*request_id) ? std::string(*request_id) : new_correlation_id().str();
  return correlation;
}

}  // namespace vigie::api
