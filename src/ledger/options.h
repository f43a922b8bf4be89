// evidence: in vigie.yaml.
#pragma once

#include <string>
#include <vector>

#include "base/yaml_fields.h"

namespace vigie::ledger {

inline constexpr size_t kMostCopies = 8;

struct EvidenceOptions {
  std::vector<std::string> copy_to;  // absolute folders, each once
  std::vector<Place> places;         // of each

  // The node of `evidence`.
  static EvidenceOptions parse(const yaml::Node& node, Problems& problems);
};

}  // namespace vigie::ledger
