// Sizes: a number of bytes that does not mix with other numbers.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace vigie {

struct Bytes {
  uint64_t count = 0;
  auto operator<=>(const Bytes&) const = default;  // NOLINT: clang-tidy 14 errs, no pointer
  Bytes& operator+=(Bytes other) {
    count += other.count;
    return *this;
  }
  friend Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
};

constexpr Bytes operator""_KiB(unsigned long long n) {
  return {n << 10};
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return {n << 20};
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return {n << 30};
}

std::string format_bytes(Bytes bytes);             // "1.5 GiB", for people
Result<Bytes> parse_bytes(std::string_view text);  // "512", "64KiB", "1.5GiB", "2GB"

}  // namespace vigie
