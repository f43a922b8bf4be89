// Reading entries of the ledger, whose parts may be missing.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace vigie::daemon {

// Empty when there is no such text, or not even the object.
inline std::string text_of(const json::object* object, std::string_view key) {
  const json::string* const text = object == nullptr ? nullptr : find_string(*object, key);
  return text == nullptr ? std::string() : std::string(*text);
}

}  // namespace vigie::daemon
