// What is answered to, and which kinds of evidence speak to it. A plain value.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace vigie::ledger {

struct Requirement {
  std::string id;    // [A-Za-z0-9][A-Za-z0-9._-]{0,62}
  std::string text;  // one sentence
  // Of each of these kinds the newest evidence must have passed.
  std::vector<std::string> validated_by{};
  // Evidence of these kinds proves nothing when it passes; one that failed stands until evidence of
  // a validating kind passes after it.
  std::vector<std::string> contradicted_by{};
  Duration max_age{};    // of the evidence
  bool required = true;  // the gate asks for it unless the configuration names others
};

// Nullptr when there is none of that id.
inline const Requirement* find_requirement(std::span<const Requirement> all, std::string_view id) {
  const auto found = std::ranges::find(all, id, &Requirement::id);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace vigie::ledger
