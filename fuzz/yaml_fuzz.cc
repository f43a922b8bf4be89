// Links: vigie_base
//
// Any bytes give a document within the limits, or a reason.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "base/encoding.h"
#include "base/yaml.h"

namespace {

using namespace vigie;

constexpr yaml::Limits kLimits{64_KiB, 8, 500, 10};

void require(bool holds) {
  if (!holds) std::abort();
}

// The number of nodes.
size_t check(const yaml::Node& node, size_t depth) {
  require(depth <= kLimits.depth);
  require(node.text.find('\0') == std::string::npos && is_utf8(node.text));
  require(node.items.empty() || node.kind == yaml::Kind::sequence);
  require(node.entries.empty() || node.is_mapping());
  size_t nodes = 1;
  for (const yaml::Node& item : node.items) nodes += check(item, depth + 1);
  std::set<std::string> keys;
  for (const yaml::Entry& entry : node.entries) {
    require(keys.insert(entry.key).second);
    require(node.find(entry.key) == &entry.value);
    nodes += 1 + check(entry.value, depth + 1);
  }
  return nodes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Problems problems("f", 10);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto node = yaml::parse(text, problems, kLimits);
  require(node || problems.has_mistakes());
  if (node) require(check(*node, 1) <= kLimits.nodes);
  require(problems.sorted().size() <= 10);
  return 0;
}
