// evidence: in vigie.yaml; requirements: is in a header of its own.
#pragma once

#include <string>
#include <vector>

#include "base/yaml_fields.h"
#include "ledger/requirements_options.h"

namespace vigie::ledger {

inline constexpr size_t kMostCopies = 8;

struct EvidenceOptions {
  std::vector<std::string> copy_to;  // absolute folders, each once
  std::vector<Place> places;         // of each

  // The node of `evidence`.
  static EvidenceOptions parse(const yaml::Node& node, Problems& problems);
};

}  // namespace vigie::ledger
