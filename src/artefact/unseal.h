// Opens one sealed file in one pass: what comes out was checked, or there is an error. Memory is
// bounded whatever the bytes say.
#pragma once

#include <functional>
#include <memory>

#include "artefact/age.h"
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
  // `decryption` must outlive it; nullptr: of an encrypted file only what is stored is checked.
  explicit Unsealer(const Decryption* decryption = nullptr, CallLimits limits = no_limits());
  ~Unsealer();
  Unsealer(Unsealer&&) noexcept;
  Unsealer& operator=(Unsealer&&) noexcept;

  // Reads `file` to its end and compares sizes, hashes and frames with `entry`, and the rows with
  // `table` when the file holds one. `id` is for the errors: artefact_size, artefact_hash,
  // artefact_decompress, artefact_rows, artefact_fingerprint, file_io, those of AgePipe. Whatever
  // a key says of bytes that are not the manifest's, their hash says first.
  Result<> check(const BackupId& id, const platform::ReadableFile& file, const FileEntry& entry,
                 const TableEntry* table, const FingerprintKey& key, const BetweenPieces& between,
                 const RawSink& sink = {});

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

// The raw bytes of a file that fits into memory, checked. Errors: as of check(), limit_exceeded,
// identity_missing.
Result<std::string> read_unsealed(ArtefactSource& source, const Manifest& manifest,
                                  const FileEntry& entry, Bytes max,
                                  const Decryption* decryption = nullptr,
                                  const CallLimits& limits = no_limits());

// Of an encrypted artefact: puts the fingerprint's key into its manifest and takes the masks off.
// Errors: as of read_unsealed(), artefact_decompress when it is none.
Result<> read_key(ArtefactSource& source, Manifest& manifest, const Decryption& decryption,
                  const CallLimits& limits);

}  // namespace vigie::artefact
