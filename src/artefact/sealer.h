// Seals one file in one pass over its bytes: SHA-256 of the raw bytes, the rows when it holds a
// table, zstd frames with checksum, encryption when asked for, SHA-256 of the stored bytes, both
// sizes.
//
// A Sealer belongs to one thread and is used for many files, one after the other: it keeps its
// buffers (two frames) and its compression context. Raw bytes are taken in frames: fill
// `room()` and say how much came with `took()`; no copy is made.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "artefact/age.h"
#include "artefact/manifest.h"

namespace vigie::artefact {

inline constexpr size_t kMaxFrameBytes = size_t{4} << 20;

// Gets the stored bytes in order. Its error ends the sealing.
using SealSink = std::function<Result<>(ByteSpan)>;

struct Sealed {
  Bytes raw;
  Sha256Digest raw_sha256{};
  Bytes stored;
  Sha256Digest stored_sha256{};
  std::optional<RowSummary> rows;  // of a data file
};

class Sealer {
 public:
  // `level`: 1 to 19, as zstd means it. `encryption` must outlive it; nullptr: none.
  explicit Sealer(int level, size_t frame_bytes = kDefaultFrameBytes,
                  const Encryption* encryption = nullptr);
  ~Sealer();
  Sealer(Sealer&&) noexcept;
  Sealer& operator=(Sealer&&) noexcept;

  // Begins a file. With a key its bytes are rows of COPY text. Errors: of AgePipe::encrypt().
  Result<> begin(SealSink sink, const std::optional<FingerprintKey>& key);
  // Where the next raw bytes go; never empty.
  std::span<unsigned char> room();
  // `count` bytes were put at the start of room(). A full frame goes to the sink.
  Result<> took(size_t count);
  // The same from bytes that lie elsewhere.
  Result<> update(ByteSpan bytes);
  // The rows so far; null when this file has none.
  const CopyRows* rows() const;
  // The last frame, and what the file is. Errors: also those of AgePipe. Whether its rows are
  // complete is the caller's to judge.
  Result<Sealed> finish();

  static constexpr size_t kDefaultFrameBytes = size_t{2} << 20;

 private:
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace vigie::artefact
