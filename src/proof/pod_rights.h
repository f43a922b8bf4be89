// Whether a proof that deletes a pod, or looks at one, may do so; for vigie doctor. It changes
// nothing.
#pragma once

#include <string>
#include <vector>

#include "platform/kubernetes.h"
#include "proof/options.h"

namespace vigie::proof {

// "delete pods": what whoever asks may not do.
struct MissingRights {
  std::vector<std::string> needed;   // without these nothing is deleted, or known of the pod
  std::vector<std::string> helpful;  // without these the evidence lacks volume and reclaim policy
};

// Errors: those of Pods.
Result<MissingRights> missing_rights(platform::KubernetesApi& api, const DurabilityOptions& options,
                                     const CallLimits& limits);

}  // namespace vigie::proof
