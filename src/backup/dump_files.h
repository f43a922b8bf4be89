// What pg_dump's directory format is made of: which file is what, and what its table of contents
// says about them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artefact/manifest.h"

namespace vigie::backup {

// toc.dat, 3456.dat, blob_16432.dat, blobs.toc, blobs_3460.toc (17); nothing: pg_dump writes no
// such file.
std::optional<artefact::FileKind> kind_of_dump_file(std::string_view name);

// "globals.sql", "dump/3456.dat"
inline std::string sealed_name(std::string_view name, bool encrypted) {
  return std::string(name) + (encrypted ? ".zst.age" : ".zst");
}
inline std::string stored_name_of(std::string_view dump_file, bool encrypted) {
  return "dump/" + sealed_name(dump_file, encrypted);
}

// A TABLE DATA entry of the table of contents.
struct TocTable {
  uint32_t oid = 0;
  std::string label;  // "public docs postgres": schema, name, owner, not to be taken apart
};

// `pg_restore -l`, line by line. Names in it may hold anything but newlines (pg_restore replaces
// them); only the numbers in front and the fixed words after them are read.
class TocReader {
 public:
  void line(std::string_view text);
  // By the number in front: the N of N.dat.
  const std::map<uint32_t, TocTable>& tables() const { return tables_; }

 private:
  std::map<uint32_t, TocTable> tables_;
};

// blobs.toc: "16428 blob_16428.dat". The names of the files.
std::vector<std::string> blob_files(std::string_view blobs_toc);

}  // namespace vigie::backup
