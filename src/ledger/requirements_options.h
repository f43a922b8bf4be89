// requirements: in vigie.yaml.
#pragma once

#include <string>
#include <vector>

#include "base/yaml_fields.h"
#include "ledger/matrix.h"
#include "ledger/requirements.h"

namespace vigie::ledger {

inline constexpr size_t kMostWaivers = 1'000;

struct RequirementsOptions {
  std::string file;  // that takes the place of the shipped ones; empty: none does
  Place file_place;
  std::vector<Waiver> waivers;
  std::vector<Place> waiver_places;  // of each
  bool has_gate = false;
  std::vector<std::string> gate;  // the ids that the gate asks for, in the place of `required`
  std::vector<Place> gate_places;
  std::vector<Requirement> all = shipped_requirements();  // those in force

  // The node of `requirements`. `all` stays the shipped ones.
  static RequirementsOptions parse(const yaml::Node& node, Problems& problems);

  // Waivers and gate are held against `all`, whose `required` is then what the gate asks for. Once,
  // when `all` is known.
  void settle(Problems& problems);
};

}  // namespace vigie::ledger
