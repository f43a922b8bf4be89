#include "proof/pod_rights.h"

#include <fmt/format.h>

#include "proof/pods.h"

namespace vigie::proof {

Result<MissingRights> missing_rights(platform::KubernetesApi& api, const DurabilityOptions& options,
                                     const CallLimits& limits) {
  struct Right {
    std::string_view verb;
    std::string_view resource;
    bool needed;
  };
  const bool deletes = options.mode == DurabilityMode::fault;
  const Right rights[] = {{options.kubernetes.pod.empty() ? "list" : "get", "pods", true},
                          {"delete", "pods", true},
                          {"get", "persistentvolumeclaims", false},
                          {"get", "persistentvolumes", false}};
  TRY_ASSIGN(const auto pods, Pods::open(api, options.name, options.kubernetes));
  MissingRights missing;
  for (const Right& one : rights) {
    if (one.verb == "delete" && !deletes) continue;
    TRY_ASSIGN(const bool may, pods.may(one.verb, one.resource, limits));
    if (may) continue;
    auto& list = one.needed ? missing.needed : missing.helpful;
    list.push_back(fmt::format("{} {}", one.verb, one.resource));
  }
  return missing;
}

}  // namespace vigie::proof
