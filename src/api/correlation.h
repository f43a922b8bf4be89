// The correlation id and the request id of a request (contracts.md, "Correlation").
#pragma once

#include <optional>
#include <string_view>

#include "api/message.h"

namespace vigie::api {

// X-Correlation-Id and X-Request-Id when they are valid and come once; without a correlation id the
// trace id of a valid `traceparent`; else new ones.
Correlation correlate(const Request& request);

// The trace id of a W3C Trace Context `traceparent`, or nothing when it is not valid.
std::optional<std::string_view> trace_id(std::string_view traceparent);

}  // namespace vigie::api
