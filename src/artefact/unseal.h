// Opens one sealed file in one pass: what comes out was checked, or there is an error. Memory is
// bounded whatever the bytes say.
#pragma once

#include <functional>
#include <memory>

#include "artefact/manifest.h"
#include "artefact/source.h"

namespace vigie::artefact {

// Looked at between two pieces (about 1 MiB): an error ends the work (cancelled, deadline).
using BetweenPieces = std::function<Result<>(Bytes stored_so_far)>;
// Gets the raw bytes in order; may be empty.
using RawSink = std::function<Result<>(ByteSpan)>;

// For one thread, for many files one after the other: keeps its buffers.
class Unsealer {
 public:
  Unsealer();
  ~Unsealer();
  Unsealer(Unsealer&&) noexcept;
  Unsealer& operator=(Unsealer&&) noexcept;

  // Reads `file` to its end and compares sizes, hashes and frames with `entry`, and the rows with
  // `table` when the file holds one. `id` is for the errors: artefact_size, artefact_hash,
  // artefact_decompress, artefact_rows, artefact_fingerprint, file_io.
  Result<> check(const BackupId& id, const platform::ReadableFile& file, const FileEntry& entry,
                 const TableEntry* table, const FingerprintKey& key, const BetweenPieces& between,
                 const RawSink& sink = {});

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

// The raw bytes of a file that fits into memory, checked. Errors: as of check(), limit_exceeded.
Result<std::string> read_unsealed(ArtefactSource& source, const Manifest& manifest,
                                  const FileEntry& entry, Bytes max);

}  // namespace vigie::artefact
