#include "proof/pod.h"

#include <algorithm>
#include <array>

#include "base/encoding.h"

namespace vigie::proof {
namespace {

constexpr size_t kLongestName = 253;
constexpr size_t kLongestPath = 1'000;

// Kinds that carry configuration into a pod, and no data of its own.
constexpr std::array<std::string_view, 4> kConfiguring{"configMap", "secret", "projected",
                                                       "downwardAPI"};

std::string text_at(const json::object& object, std::string_view key, size_t max = kLongestName) {
  const json::string* const found = find_string(object, key);
  return found == nullptr ? std::string() : printable(*found, max);
}

const json::object& object_at(const json::object& object, std::string_view key) {
  static const json::object kNone;
  const json::object* const found = find_object(object, key);
  return found == nullptr ? kNone : *found;
}

// The first objects of a list; none when there is no list.
template <class Visit>
void each_at(const json::object& object, std::string_view key, Visit visit) {
  const json::array* const list = find_array(object, key);
  if (list == nullptr) return;
  for (size_t i = 0; i < std::min(list->size(), kMostPodParts); ++i)
    if (const auto* const item = (*list)[i].if_object()) visit(*item);
}

std::optional<PodVolume> parse_volume(const json::object& volume) {
  PodVolume out;
  out.name = text_at(volume, "name");
  for (const auto& [key, value] : volume)
    if (value.is_object()) out.kind = printable(key, kLongestName);
  if (std::ranges::count(kConfiguring, out.kind) > 0) return std::nullopt;
  out.claim = text_at(object_at(volume, "persistentVolumeClaim"), "claimName");
  return out;
}

void read_containers(const json::object& spec, Pod& pod) {
  each_at(spec, "containers", [&](const json::object& container) {
    each_at(container, "volumeMounts", [&](const json::object& mount) {
      if (pod.mounts.size() < kMostPodParts)
        pod.mounts.push_back({text_at(mount, "mountPath", kLongestPath), text_at(mount, "name")});
    });
  });
}

void read_spec(const json::object& spec, Pod& pod) {
  pod.node = text_at(spec, "nodeName");
  each_at(spec, "volumes", [&](const json::object& volume) {
    if (auto found = parse_volume(volume)) pod.volumes.push_back(std::move(*found));
  });
  read_containers(spec, pod);
}

void read_status(const json::object& status, Pod& pod) {
  pod.running = text_at(status, "phase") == "Running";
  each_at(status, "conditions", [&](const json::object& condition) {
    if (text_at(condition, "type") == "Ready") pod.ready = text_at(condition, "status") == "True";
  });
  if (const std::string one = text_at(status, "podIP"); !one.empty()) pod.addresses.push_back(one);
  each_at(status, "podIPs", [&](const json::object& one) {
    const std::string address = text_at(one, "ip");
    if (!address.empty() && !pod.has_address(address)) pod.addresses.push_back(address);
  });
}

void read_owner(const json::object& metadata, Pod& pod) {
  each_at(metadata, "ownerReferences", [&](const json::object& owner) {
    const json::value* const controls = find_value(owner, "controller");
    if (controls != nullptr && controls->is_bool() && controls->get_bool())
      pod.owner = text_at(owner, "kind") + "/" + text_at(owner, "name");
  });
}

// Whether `folder` is `path`, or lies below it.
bool lies_in(std::string_view folder, std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (!folder.starts_with(path)) return false;
  return path == "/" || folder.size() == path.size() || folder[path.size()] == '/';
}

json::value or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object volume_json(const PodVolume& volume) {
  return {{"name", volume.name},
          {"kind", volume.kind},
          {"holds_data", volume.holds_data},
          {"claim", or_null(volume.claim)},
          {"claim_uid", or_null(volume.claim_uid)},
          {"volume", or_null(volume.volume)},
          {"reclaim_policy", or_null(volume.reclaim_policy)}};
}

}  // namespace

bool Pod::has_address(std::string_view address) const {
  return std::ranges::count(addresses, address) > 0;
}

const PodVolume* Pod::find_data(std::string_view folder) {
  const PodMount* deepest = nullptr;
  for (const PodMount& mount : mounts)
    if (!mount.path.empty() && lies_in(folder, mount.path) &&
        (deepest == nullptr || mount.path.size() > deepest->path.size()))
      deepest = &mount;
  if (deepest == nullptr) return nullptr;
  const auto found = std::ranges::find(volumes, deepest->volume, &PodVolume::name);
  if (found == volumes.end()) return nullptr;
  found->holds_data = true;
  return &*found;
}

const PodVolume* Pod::find_claim(std::string_view claim) const {
  const auto found = std::ranges::find(volumes, claim, &PodVolume::claim);
  return found == volumes.end() ? nullptr : &*found;
}

json::object Pod::to_json() const {
  json::array all;
  for (const PodVolume& one : volumes) all.push_back(volume_json(one));
  return {{"name", name},
          {"uid", uid},
          {"node", or_null(node)},
          {"owner", or_null(owner)},
          {"volumes", std::move(all)}};
}

std::optional<Pod> parse_pod(const json::value& value) {
  const json::object* const object = value.if_object();
  if (object == nullptr) return std::nullopt;
  const json::object& metadata = object_at(*object, "metadata");
  Pod pod;
  pod.name = text_at(metadata, "name");
  pod.uid = text_at(metadata, "uid");
  if (pod.name.empty() || pod.uid.empty()) return std::nullopt;
  pod.ending = find_string(metadata, "deletionTimestamp") != nullptr;
  read_owner(metadata, pod);
  read_spec(object_at(*object, "spec"), pod);
  read_status(object_at(*object, "status"), pod);
  return pod;
}

}  // namespace vigie::proof
