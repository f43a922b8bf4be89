// YAML 1.1 as libyaml reads it, into a small document whose nodes know their place. Made for files
// that people write and for hostile ones: size, depth, nodes and aliases are bounded, an alias is a
// copy (and counts), duplicate keys, tags and further documents are mistakes, the text must be
// UTF-8, and no string holds a NUL.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/problems.h"

namespace vigie::yaml {

enum class Kind : unsigned char { null, scalar, sequence, mapping };

struct Entry;

struct Node {
  Kind kind = Kind::null;  // null: nothing, ~ or null, without quotes
  bool quoted = false;     // a scalar in quotes or in a block is text, whatever it looks like
  Place place;
  std::string text;            // scalar
  std::vector<Node> items;     // sequence
  std::vector<Entry> entries;  // mapping, in the file's order, keys unique

  bool is_mapping() const { return kind == Kind::mapping; }
  bool is_scalar() const { return kind == Kind::scalar; }
  const Node* find(std::string_view key) const;  // nullptr when absent or not a mapping
};

struct Entry {
  std::string key;
  Place place;  // of the key
  Node value;
};

struct Limits {
  Bytes bytes = limits::kYamlBytes;
  size_t depth = limits::kYamlDepth;
  size_t nodes = limits::kYamlNodes;
  size_t aliases = limits::kYamlAliases;
};

// Nothing when the text cannot be read as one document; the reason is then in `problems`. A
// document is returned in spite of lesser mistakes (a duplicate key, a tag), which are in
// `problems` too: the first of two equal keys counts.
std::optional<Node> parse(std::string_view text, Problems& problems, Limits limits = {});

}  // namespace vigie::yaml
