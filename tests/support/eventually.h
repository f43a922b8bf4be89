// For what no event tells of.
#pragma once

#include <chrono>

namespace vigie::testing {

// Asks again and again.
template <class Condition>
bool eventually(Condition condition, std::chrono::seconds patience = std::chrono::seconds(10)) {
  const auto limit = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
  }
  return true;
}

}  // namespace vigie::testing
