// What a folder would hold after a loss of power: the model behind FaultyFileSystem.
//
// Every file and folder is a node. The live names are those of the real folder; the durable names
// are what was synced. Changes of names wait, in order, until a folder that they touch is synced.
// A hard link to each file is kept beside the root, so that a file that lost its name can get it
// back. Not thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "platform/file_system.h"

namespace vigie::testing {

using NodeId = uint64_t;

class DurableTree {
 public:
  // What is in `root` is durable. Aborts when it cannot be read.
  explicit DurableTree(const platform::Path& root);
  ~DurableTree();
  DurableTree(const DurableTree&) = delete;
  DurableTree& operator=(const DurableTree&) = delete;

  bool covers(const platform::Path& path) const;  // the root itself or below it
  std::optional<NodeId> find(const platform::Path& path) const;

  // After the real call worked.
  NodeId created(const platform::Path& file);
  void folder_created(const platform::Path& folder);  // and the parents that were missing
  void renamed(const platform::Path& from, const platform::Path& to);
  void removed(const platform::Path& path);
  void synced(NodeId file);
  void folder_synced(const platform::Path& folder);
  // Before it: the bytes that it cuts off are needed.
  void will_be_truncated(const platform::Path& file, Bytes size);

  // Brings the real folder, and the live names, to what is durable; see FaultyFileSystem::crash.
  void crash(uint64_t seed);

 private:
  using Names = std::map<std::string, NodeId>;
  struct Node {
    bool folder = false;
    bool regular = false;
    unsigned mode = 0;  // of a folder
    Names live;
    Names durable;
    // A file's durable bytes: the first `kept` of it as it is, and then `cut_off`.
    uint64_t kept = 0;
    std::string cut_off;
  };
  struct Slot {
    NodeId folder;
    std::string name;
    bool operator==(const Slot&) const = default;
  };
  // `node` lost the name `from`, and got the name `to`; one of them may be missing.
  struct Change {
    NodeId node;
    std::optional<Slot> from;
    std::optional<Slot> to;
    bool touches(NodeId folder) const;
    bool shares_a_slot_with(const Change& other) const;
  };

  Slot slot_of(const platform::Path& path) const;
  platform::Path link_of(NodeId node) const;
  NodeId add_node(const platform::Path& path, bool durable);
  void read_folder(const platform::Path& path, NodeId node);
  void change(Change change);
  void make_durable(const Change& change);
  void keep_part_of_the_names(std::mt19937_64& random);
  void restore_bytes(NodeId id, std::mt19937_64* random);
  void restore_folder(const platform::Path& path, NodeId id);
  void forget_nodes_without_a_name();

  platform::Path root_;
  platform::Path links_;
  std::map<NodeId, Node> nodes_;
  std::vector<Change> waiting_;
  NodeId next_ = 1;  // 0 is the root
};

}  // namespace vigie::testing
