// The target of a request (RFC 9112, 3.2) and what it says: decoded path segments, query
// parameters.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace vigie::api {

struct Target {
  std::vector<std::string> path;  // "/" gives {""}; "*" gives {"*"}
  std::vector<std::pair<std::string, std::string>> query;
};

// Origin form, absolute form (http and https; its authority is dropped) and, for OPTIONS, "*".
// Every decoded part is UTF-8 without control characters, or the target is refused.
Result<Target> parse_target(std::string_view target, std::string_view method);

}  // namespace vigie::api
