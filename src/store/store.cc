#include "store/store.h"

#include "artefact/manifest.h"

namespace vigie::store {

Result<> answers(Store& store) {
  if (!store.features().knows_space) return store.look("");
  TRY(store.space());
  return {};
}

Result<> write_file(ArtefactWriter& writer, std::string_view name, std::string_view text) {
  TRY_ASSIGN(const auto file, writer.create(name));
  TRY(file->append(as_bytes(text)));
  return file->close();
}

Result<std::string> read_manifest(Store& store, const BackupId& id) {
  TRY_ASSIGN(const auto source, store.open(id));
  return artefact::read_stored(*source, artefact::kManifestName, artefact::kMaxManifestBytes);
}

}  // namespace vigie::store
