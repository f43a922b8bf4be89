// Links: vigie_artefact
//
// Any bytes as a manifest: refused, or read as something whose names stay inside its folder and
// which says the same when it is written and read again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "artefact/manifest.h"
#include "base/json.h"

namespace {

using namespace vigie;

void require(bool holds) {
  if (!holds) std::abort();
}

// The folder's name is not hostile: it is the one that the text itself claims, when it can be one.
BackupId claimed_id(std::string_view text) {
  const auto document = parse_json(text, {.max_bytes = 1 << 20, .max_depth = 8});
  if (document && document->is_object()) {
    if (const json::string* id = find_string(document->get_object(), "id")) {
      if (auto parsed = BackupId::parse(*id)) return std::move(*parsed);
    }
  }
  return BackupId::parse("nightly.app-20261120T020000Z").value();
}

void check(const artefact::Manifest& manifest) {
  for (const artefact::FileEntry& file : manifest.files) {
    require(artefact::is_stored_name(file.name));
    require(manifest.file(file.name) == &file);  // no two of one name
  }
  for (const artefact::TableEntry& table : manifest.tables)
    require(manifest.file(table.file) != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const BackupId id = claimed_id(text);
  const auto manifest = artefact::Manifest::parse(text, id);
  if (!manifest) return 0;
  check(*manifest);
  const std::string written = manifest->to_json();
  const auto again = artefact::Manifest::parse(written, id);
  require(again.has_value());
  require(again->to_json() == written);
  return 0;
}
