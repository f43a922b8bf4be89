#include "ledger/requirements.h"

#include <algorithm>
#include <array>

namespace vigie::ledger {
namespace {

// As validated_by in docs/formats/requirements.yaml; a test compares both ways. A kind of which the
// file does not speak validates nothing.
struct Mapping {
  std::string_view kind;
  std::array<std::string_view, 3> ids;
  size_t count;
};

constexpr std::array<Mapping, 11> kMappings = {{
    {"backup", {"REQ-BAK-1"}, 1},
    {"backup_verify", {"REQ-BAK-3"}, 1},
    {"copy_verify", {"REQ-BAK-5"}, 1},
    {"durability_proof", {"REQ-DUR-1"}, 1},
    {"durability_proof_node", {"REQ-DUR-2"}, 1},
    {"evidence_verify", {"REQ-EVD-1"}, 1},
    {"missed_run", {"REQ-BAK-1"}, 1},
    {"restore_drill", {"REQ-RST-1"}, 1},
    {"restore_drill_offsite", {"REQ-BAK-6"}, 1},
    {"retention", {"REQ-BAK-2"}, 1},
    {"scrub", {"REQ-BAK-3"}, 1},
}};

}  // namespace

std::span<const std::string_view> requirements_of(std::string_view kind) {
  const auto* const found = std::ranges::find(kMappings, kind, &Mapping::kind);
  if (found == kMappings.end()) return {};
  return {found->ids.data(), found->count};
}

}  // namespace vigie::ledger
