#include "ledger/options.h"

#include <algorithm>

#include "base/encoding.h"

namespace vigie::ledger {
namespace {

bool is_absolute(const yaml::Node& node) {
  return node.is_scalar() && node.text.starts_with('/') && printable(node.text, 4096) == node.text;
}

void read_folder(const yaml::Node& item, EvidenceOptions& options, Problems& problems) {
  if (!is_absolute(item)) return problems.wrong_value(item.place, "an absolute path");
  if (std::ranges::find(options.copy_to, item.text) != options.copy_to.end())
    return problems.wrong_value(item.place, "each folder once");
  options.copy_to.push_back(item.text);
  options.places.push_back(item.place);
}

// One folder, or a list of them.
void read_folders(const yaml::Node& node, EvidenceOptions& options, Problems& problems) {
  const Problems::Scope scope(problems, "copy_to");
  if (node.is_scalar()) return read_folder(node, options, problems);
  if (node.kind != yaml::Kind::sequence || node.items.size() > kMostCopies)
    return problems.wrong_value(
        node.place, fmt::format("an absolute path, or a list of at most {}", kMostCopies));
  for (const yaml::Node& item : node.items) read_folder(item, options, problems);
}

}  // namespace

EvidenceOptions EvidenceOptions::parse(const yaml::Node& node, Problems& problems) {
  EvidenceOptions options;
  yaml::Fields fields(node, problems);
  if (const yaml::Node* folders = fields.node("copy_to")) read_folders(*folders, options, problems);
  fields.finish();
  return options;
}

}  // namespace vigie::ledger
