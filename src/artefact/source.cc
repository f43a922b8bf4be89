#include "artefact/source.h"

namespace vigie::artefact {

Result<std::string> read_stored(ArtefactSource& source, std::string_view name, Bytes max) {
  TRY_ASSIGN(const auto file, source.open(name));
  return platform::read_file(*file, std::string(name), max);
}

}  // namespace vigie::artefact
