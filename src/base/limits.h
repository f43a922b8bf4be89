// Limits on what Vigie reads and did not write itself. The manual's table of limits lists them.
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace vigie::limits {

// vigie.yaml, and every other YAML text.
inline constexpr Bytes kYamlBytes = 1_MiB;
inline constexpr size_t kYamlDepth = 32;
inline constexpr size_t kYamlNodes = 50'000;  // after aliases were copied out
inline constexpr size_t kYamlAliases = 64;
// vigie.yaml: databases, stores and jobs, each.
inline constexpr size_t kConfigEntries = 1'000;
inline constexpr size_t kProblems = 200;  // listed; the rest is only counted

}  // namespace vigie::limits
