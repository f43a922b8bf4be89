// What PostgreSQL says when it cannot read what it has stored.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "base/error.h"

namespace vigie::proof {

inline constexpr std::string_view kFileIsGone = "58P01";

// Damaged pages and indexes, files that are gone, a disk that does not read (SQLSTATE XX001, XX002,
// 58P01, 58030).
inline bool is_damage(std::string_view sqlstate) {
  constexpr std::array<std::string_view, 4> kDamage{"XX001", "XX002", kFileIsGone, "58030"};
  return std::ranges::count(kDamage, sqlstate) > 0;
}

}  // namespace vigie::proof
