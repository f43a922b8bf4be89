// A pod of Kubernetes as its API tells of it, and what its volumes are worth.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace vigie::proof {

struct PodVolume {
  std::string name;            // within the pod
  std::string kind;            // as the API writes it: persistentVolumeClaim, emptyDir, hostPath
  std::string claim;           // name of the PersistentVolumeClaim; empty: it is of another kind
  std::string claim_uid;       // empty: not known, as the two below
  std::string volume;          // name of the PersistentVolume
  std::string reclaim_policy;  // Retain, Delete, Recycle
  bool holds_data = false;     // the server's data folder lies on it
};

// Where a container sees a volume.
struct PodMount {
  std::string path;
  std::string volume;  // its name within the pod
};

struct Pod {
  std::string name;
  std::string uid;
  std::string node;                    // empty: on none yet
  std::string owner;                   // "StatefulSet/postgres"; empty: none brings it back
  std::vector<std::string> addresses;  // of the pod
  std::vector<PodVolume> volumes;      // without those that only carry configuration
  std::vector<PodMount> mounts;        // of all its containers
  bool running = false;
  bool ready = false;
  bool ending = false;  // its deletion was asked for

  bool has_address(std::string_view address) const;
  // The volume on which `folder` lies, of which it notes so; nullptr: none, it is the container's
  // own file system.
  const PodVolume* find_data(std::string_view folder);
  const PodVolume* find_claim(std::string_view claim) const;  // nullptr: it has no such
  json::object to_json() const;
};

inline constexpr size_t kMostPodParts =
    100;  // volumes, mounts, addresses: what is more is left out

// What is no pod, or has no name or UID, is nothing. Text is made printable and bounded.
std::optional<Pod> parse_pod(const json::value& value);

}  // namespace vigie::proof
