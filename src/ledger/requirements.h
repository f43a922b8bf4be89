// A file of requirements, and those that the program itself carries. Format:
// docs/formats/requirements-1.md.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/yaml.h"
#include "ledger/requirement.h"

namespace vigie::ledger {

inline constexpr size_t kMostRequirements = 1'000;

// [a-z][a-z0-9_]{0,62}
bool is_kind(std::string_view text);

// All that is wrong goes into `problems`; what is right is returned all the same. Ids are unique.
std::vector<Requirement> parse_requirements(const yaml::Node& document, Problems& problems);

// Those that the program itself carries. Live for ever.
const std::vector<Requirement>& shipped_requirements();

// The ids of the shipped ones that name the kind, sorted; empty for a kind that none names. Live
// for ever.
std::span<const std::string_view> requirements_of(std::string_view kind);

}  // namespace vigie::ledger
