// Numbers on the command line.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace vigie::cli {

// Nothing when it is no whole number; whoever gets it knows the range.
inline std::optional<int64_t> whole_number(const std::string& text) {
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  return failure == std::errc() && stop == end ? std::optional(value) : std::nullopt;
}

}  // namespace vigie::cli
