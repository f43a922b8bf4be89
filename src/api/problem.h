// Errors as problem documents (RFC 9457), application/problem+json:
// docs/formats/problem.schema.json.
#pragma once

#include <string_view>

#include "api/message.h"
#include "base/error.h"
#include "base/json.h"
#include "base/time.h"

namespace vigie::api {

inline constexpr std::string_view kProblemType = "application/problem+json";

struct ProblemContext {
  Audience audience = Audience::everybody;
  std::string_view instance;  // the path that was asked for, without its query
  std::string_view correlation_id;
  SystemTime now;
};

// Retry-After comes from the parameter `seconds` of an error of class limit, else from the code.
json::object problem_document(const Error& error, const ProblemContext& context);
// With the headers that belong to it: Retry-After, WWW-Authenticate.
Response problem_response(const Error& error, const ProblemContext& context);

}  // namespace vigie::api
