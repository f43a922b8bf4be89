// The pods that a proof may look at and delete, by the Kubernetes API.
#pragma once

#include <string>
#include <vector>

#include "platform/kubernetes.h"
#include "proof/options.h"
#include "proof/pod.h"

namespace vigie::proof {

// As the configuration says it: by a kubeconfig, or as the pod that this process is in.
platform::KubernetesAccessFn kubernetes_access(const KubernetesOptions& options,
                                               platform::FileSystem& files);

// Errors of all: durability_fault (the API refuses, in fixed words), peer_unreachable,
// deadline_exceeded, cancelled, limit_exceeded, and those of reading who asks.
class Pods {
 public:
  // `proof`: its name, for errors. What it is given must outlive it.
  static Result<Pods> open(platform::KubernetesApi& api, const std::string& proof,
                           const KubernetesOptions& options);

  const std::string& name_space() const { return name_space_; }
  // "pod postgres-0 in namespace db": what the configuration names.
  std::string words() const;

  // Those that the configuration names, also pending and ending ones.
  Result<std::vector<Pod>> named(const CallLimits& limits) const;
  // What the volumes are that the pod's claims are bound to. What cannot be read stays unknown, and
  // a sentence says so.
  Result<std::vector<std::string>> read_claims(Pod& pod, const CallLimits& limits) const;
  // Only the pod with that UID. Also durability_fault when another has its name now.
  Result<> remove(const Pod& pod, Duration grace, const CallLimits& limits) const;
  // Whether whoever asks may do that: "delete", "pods".
  Result<bool> may(std::string_view verb, std::string_view resource,
                   const CallLimits& limits) const;

 private:
  Pods(platform::KubernetesApi& api, const std::string& proof, const KubernetesOptions& options,
       std::string name_space)
      : api_(&api), proof_(&proof), options_(&options), name_space_(std::move(name_space)) {}

  std::string path_of(std::string_view resource, std::string_view name) const;
  Result<std::vector<Pod>> one(const CallLimits& limits) const;
  Result<std::vector<Pod>> selected(const CallLimits& limits) const;
  Result<> read_claim(PodVolume& volume, const CallLimits& limits) const;
  Result<> read_volume(PodVolume& volume, const CallLimits& limits) const;
  Error refused(int status, const std::string& what) const;

  platform::KubernetesApi* api_;
  const std::string* proof_;
  const KubernetesOptions* options_;
  std::string name_space_;
};

}  // namespace vigie::proof
