// Where the bytes of one artefact come from, whatever the store. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "platform/file_system.h"

namespace vigie::artefact {

struct StoredFile {
  std::string name;  // "dump/3456.dat.zst"
  Bytes size;
  bool regular = true;  // false: a link, a device, an unexpected folder
};

class ArtefactSource {
 public:
  virtual ~ArtefactSource() = default;
  // Everything that lies in the artefact's folder, sorted by name; the manifest too.
  virtual Result<std::vector<StoredFile>> list() = 0;
  // Error: file_not_found.
  virtual Result<std::unique_ptr<platform::ReadableFile>> open(std::string_view name) = 0;
};

// The whole file; limit_exceeded when it is longer than `max`.
Result<std::string> read_stored(ArtefactSource& source, std::string_view name, Bytes max);

}  // namespace vigie::artefact
