#include "tests/support/durable_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>

namespace vigie::testing {

using platform::Path;

namespace {

constexpr NodeId kRoot = 0;

void must(bool worked, const char* what, const Path& path) {
  if (worked) return;
  std::fprintf(stderr, "DurableTree: cannot %s %s\n", what, path.c_str());
  std::abort();
}

struct stat status_of(const Path& path) {
  struct stat st {};
  must(::lstat(path.c_str(), &st) == 0, "stat", path);
  return st;
}

std::string bytes_of(const Path& path, uint64_t from, uint64_t to) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(from));
  std::string bytes(to - from, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  must(static_cast<uint64_t>(file.gcount()) == bytes.size(), "read", path);
  return bytes;
}

uint64_t up_to(std::mt19937_64& random, uint64_t most) {
  return std::uniform_int_distribution<uint64_t>(0, most)(random);
}

}  // namespace

bool DurableTree::Change::touches(NodeId folder) const {
  return (from && from->folder == folder) || (to && to->folder == folder);
}

bool DurableTree::Change::shares_a_slot_with(const Change& other) const {
  const auto same = [](const std::optional<Slot>& a, const std::optional<Slot>& b) {
    return a && b && *a == *b;
  };
  return same(from, other.from) || same(from, other.to) || same(to, other.from) ||
         same(to, other.to);
}

DurableTree::DurableTree(const Path& root)
    : root_(root.lexically_normal()), links_(root_.string() + ".links") {
  std::filesystem::create_directories(root_);
  must(::mkdir(links_.c_str(), 0700) == 0, "create", links_);
  nodes_[kRoot].folder = true;
  read_folder(root_, kRoot);
}

DurableTree::~DurableTree() {
  std::error_code ignored;
  std::filesystem::remove_all(links_, ignored);
}

bool DurableTree::covers(const Path& path) const {
  const std::string inner = path.lexically_normal().string();
  const std::string root = root_.string();
  return inner == root || inner.starts_with(root + "/");
}

std::optional<NodeId> DurableTree::find(const Path& path) const {
  NodeId node = kRoot;
  for (const Path& part : path.lexically_normal().lexically_relative(root_)) {
    if (part.empty() || part == ".") continue;
    const Names& names = nodes_.at(node).live;
    const auto found = names.find(part.string());
    if (found == names.end()) return std::nullopt;
    node = found->second;
  }
  return node;
}

DurableTree::Slot DurableTree::slot_of(const Path& path) const {
  const Path normal = path.lexically_normal();
  const auto folder = find(normal.parent_path());
  must(folder.has_value(), "find the folder of", path);
  return {*folder, normal.filename().string()};
}

Path DurableTree::link_of(NodeId node) const {
  return links_ / std::to_string(node);
}

NodeId DurableTree::add_node(const Path& path, bool durable) {
  const struct stat st = status_of(path);
  const NodeId id = next_++;
  Node& node = nodes_[id];
  node.folder = S_ISDIR(st.st_mode);
  node.regular = S_ISREG(st.st_mode);
  node.mode = st.st_mode & 07777U;
  if (node.folder) return id;
  must(::link(path.c_str(), link_of(id).c_str()) == 0, "link", path);
  if (durable) node.kept = static_cast<uint64_t>(st.st_size);
  return id;
}

void DurableTree::read_folder(const Path& path, NodeId node) {
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const NodeId child = add_node(entry.path(), true);
    nodes_[node].live[entry.path().filename().string()] = child;
    if (nodes_[child].folder) read_folder(entry.path(), child);
  }
  nodes_[node].durable = nodes_[node].live;
}

void DurableTree::change(Change change) {
  if (change.from) nodes_[change.from->folder].live.erase(change.from->name);
  if (change.to) nodes_[change.to->folder].live[change.to->name] = change.node;
  waiting_.push_back(std::move(change));
}

NodeId DurableTree::created(const Path& file) {
  const NodeId id = add_node(file, false);
  change({id, std::nullopt, slot_of(file)});
  return id;
}

void DurableTree::folder_created(const Path& folder) {
  if (find(folder)) return;
  folder_created(folder.lexically_normal().parent_path());
  const NodeId id = add_node(folder, false);
  change({id, std::nullopt, slot_of(folder)});
}

void DurableTree::renamed(const Path& from, const Path& to) {
  const auto node = find(from);
  must(node.has_value(), "find", from);
  change({*node, slot_of(from), slot_of(to)});
}

void DurableTree::removed(const Path& path) {
  const auto node = find(path);
  must(node.has_value(), "find", path);
  change({*node, slot_of(path), std::nullopt});
}

void DurableTree::synced(NodeId file) {
  Node& node = nodes_[file];
  node.kept = static_cast<uint64_t>(status_of(link_of(file)).st_size);
  node.cut_off.clear();
}

void DurableTree::will_be_truncated(const Path& file, Bytes size) {
  const auto id = find(file);
  must(id.has_value(), "find", file);
  Node& node = nodes_[*id];
  if (size.count >= node.kept) return;
  node.cut_off.insert(0, bytes_of(link_of(*id), size.count, node.kept));
  node.kept = size.count;
}

void DurableTree::make_durable(const Change& change) {
  if (change.from) {
    Names& names = nodes_[change.from->folder].durable;
    const auto found = names.find(change.from->name);
    if (found != names.end() && found->second == change.node) names.erase(found);
  }
  if (change.to) nodes_[change.to->folder].durable[change.to->name] = change.node;
}

// A change that touches the folder takes along the earlier ones on the same names, or a later sync
// of another folder would bring an old state back.
void DurableTree::folder_synced(const Path& folder) {
  const auto id = find(folder);
  must(id.has_value(), "find", folder);
  std::vector<bool> taken(waiting_.size(), false);
  for (size_t i = waiting_.size(); i-- > 0;) {
    taken[i] = waiting_[i].touches(*id);
    for (size_t later = i + 1; later < waiting_.size() && !taken[i]; ++later) {
      taken[i] = taken[later] && waiting_[i].shares_a_slot_with(waiting_[later]);
    }
  }
  std::vector<Change> left;
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (taken[i]) {
      make_durable(waiting_[i]);
    } else {
      left.push_back(std::move(waiting_[i]));
    }
  }
  waiting_ = std::move(left);
}

// As a journal does: all changes up to some moment.
void DurableTree::keep_part_of_the_names(std::mt19937_64& random) {
  const uint64_t kept = up_to(random, waiting_.size());
  for (uint64_t i = 0; i < kept; ++i) make_durable(waiting_[i]);
}

void DurableTree::restore_bytes(NodeId id, std::mt19937_64* random) {
  Node& node = nodes_[id];
  const Path path = link_of(id);
  const auto size = static_cast<uint64_t>(status_of(path).st_size);
  uint64_t kept = node.kept;
  // What was cut off is either still there or gone; what was added may be there up to anywhere.
  const bool cut_survives = !node.cut_off.empty() && random != nullptr && up_to(*random, 1) == 0;
  if (random != nullptr && (node.cut_off.empty() || cut_survives)) {
    kept += up_to(*random, size - kept);
  }
  must(::truncate(path.c_str(), static_cast<off_t>(kept)) == 0, "truncate", path);
  if (!node.cut_off.empty() && !cut_survives) {
    std::ofstream(path, std::ios::binary | std::ios::app) << node.cut_off;
    kept += node.cut_off.size();
  }
  node.kept = kept;
  node.cut_off.clear();
}

void DurableTree::restore_folder(const Path& path, NodeId id) {
  Node& node = nodes_[id];
  node.live = node.durable;
  for (const auto& [name, child] : node.durable) {
    const Path child_path = path / name;
    if (nodes_[child].folder) {
      must(::mkdir(child_path.c_str(), 0700) == 0, "create", child_path);
      restore_folder(child_path, child);
      must(::chmod(child_path.c_str(), nodes_[child].mode) == 0, "set the mode of", child_path);
    } else {
      must(::link(link_of(child).c_str(), child_path.c_str()) == 0, "link", child_path);
    }
  }
}

void DurableTree::forget_nodes_without_a_name() {
  std::set<NodeId> named{kRoot};
  for (const auto& [id, node] : nodes_) {
    for (const auto& [name, child] : node.durable) named.insert(child);
  }
  for (const auto& [id, node] : nodes_) {
    if (!named.contains(id) && !node.folder) (void)::unlink(link_of(id).c_str());
  }
  std::erase_if(nodes_, [&](const auto& one) { return !named.contains(one.first); });
}

void DurableTree::crash(uint64_t seed) {
  std::mt19937_64 random(seed);
  if (seed != 0) keep_part_of_the_names(random);
  waiting_.clear();
  for (auto& [id, node] : nodes_) {
    if (node.regular) restore_bytes(id, seed == 0 ? nullptr : &random);
  }
  for (const auto& entry : std::filesystem::directory_iterator(root_)) {
    std::filesystem::remove_all(entry.path());
  }
  restore_folder(root_, kRoot);
  forget_nodes_without_a_name();
}

}  // namespace vigie::testing
