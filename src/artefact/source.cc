#include "artefact/source.h"

namespace vigie::artefact {

Result<std::string> read_stored(ArtefactSource& source, std::string_view name, Bytes max) {
  TRY_ASSIGN(const auto file, source.open(name));
  TRY_ASSIGN(const Bytes size, file->size());
  if (size > max) {
    return fail(ErrorCode::limit_exceeded, {{"name", std::string(name)},
                                            {"observed", format_bytes(size)},
                                            {"limit", format_bytes(max)}});
  }
  std::string text(size.count, '\0');
  TRY_ASSIGN(const size_t got,
             file->read_at(0, {reinterpret_cast<unsigned char*>(text.data()), text.size()}));
  text.resize(got);
  return text;
}

}  // namespace vigie::artefact
