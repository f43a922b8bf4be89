// The pods that a proof may look at, and one kind of it delete, by the Kubernetes API.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/http_client.h"
#include "platform/kubernetes.h"
#include "platform/postgres.h"
#include "proof/options.h"
#include "proof/pod.h"

namespace vigie::proof {

// As the configuration says it: by a kubeconfig, or as the pod that this process is in.
platform::KubernetesAccessFn kubernetes_access(const KubernetesOptions& options,
                                               platform::FileSystem& files);

// What the server says of itself, by the session that proves it.
struct ServerPlace {
  std::string address;         // that it is reached by; empty: a unix socket
  std::string data_directory;  // empty: the role may not read it
};
// Errors: those of PgConnection.
Result<std::string> read_server_address(platform::PgConnection& session, const CallLimits& limits);

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
  // That one of them which runs at the server's address. Also durability_fault: none does, or
  // several.
  Result<Pod> of_server(const ServerPlace& server, const CallLimits& limits) const;
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
  Error could_not(std::string reason) const;

  platform::KubernetesApi* api_;
  const std::string* proof_;
  const KubernetesOptions* options_;
  std::string name_space_;
};

// Those that run, and are not to end.
std::vector<Pod> running_ones(std::vector<Pod> pods);

inline constexpr std::string_view kNoAddress =
    "the server is reached by a unix socket: whether it is the pod's cannot be known";

// The pod of a server, with its volumes, and sentences of what is not known of them.
struct FoundPod {
  Pod pod;
  std::vector<std::string> unknown;
};
using PodFinder = std::function<Result<FoundPod>(const ServerPlace&, const CallLimits&)>;

// By the API that the options name; empty where they name no pod. It keeps a copy of them; the
// others must outlive it. Errors: those of Pods.
PodFinder make_pod_finder(platform::HttpClient& http, platform::FileSystem& files,
                          const DurabilityOptions& options);

}  // namespace vigie::proof
