#include "artefact/sealer.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace vigie::artefact {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
using Context = std::unique_ptr<ZSTD_CCtx, FreeContext>;

// Rows of a table repeat themselves over more than the 512 KiB and 16,384 places that zstd's level
// 1 remembers: a tenth less of stored bytes (the size row of ./run bench).
void widen(ZSTD_CCtx* context) {
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 20);
  ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, 15);
}

Context make_context(int level) {
  Context context(ZSTD_createCCtx());
  if (!context) std::abort();
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  if (level == 1) widen(context.get());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1);
  return context;
}

}  // namespace

struct Sealer::Work {
  Work(int level, size_t frame_bytes, const Encryption* encryption_or_null)
      : encryption(encryption_or_null),
        context(make_context(level)),
        frame_size(frame_bytes),
        compressed_size(ZSTD_compressBound(frame_bytes)),
        frame(std::make_unique_for_overwrite<unsigned char[]>(frame_size)),
        compressed(std::make_unique_for_overwrite<unsigned char[]>(compressed_size)) {}

  void take(ByteSpan bytes) {
    raw_hash.update(bytes);
    if (rows) rows->update(bytes);
    sealed.raw += Bytes{bytes.size()};
  }

  Result<> end_frame() {
    const size_t size =
        ZSTD_compress2(context.get(), compressed.get(), compressed_size, frame.get(), filled);
    if (ZSTD_isError(size) != 0) {
      return fail(ErrorCode::internal_error,
                  {{"reason", fmt::format("zstd: {}", ZSTD_getErrorName(size))}});
    }
    filled = 0;
    ++frames;
    const ByteSpan frame_bytes(compressed.get(), size);
    return pipe ? pipe->push(frame_bytes, store) : store(frame_bytes);
  }

  Result<> keep(ByteSpan stored) {
    stored_hash.update(stored);
    sealed.stored += Bytes{stored.size()};
    return sink(stored);
  }

  const Encryption* const encryption;
  std::optional<AgePipe> pipe;  // of the file at work
  const SealSink store = [this](ByteSpan stored) { return keep(stored); };
  Context context;
  // Not filled with zeros: of what is never written, no page is taken.
  size_t frame_size;
  size_t compressed_size;
  std::unique_ptr<unsigned char[]> frame;
  std::unique_ptr<unsigned char[]> compressed;
  size_t filled = 0;  // bytes in frame
  uint64_t frames = 0;
  Sha256 raw_hash;
  Sha256 stored_hash;
  std::optional<CopyRows> rows;
  SealSink sink;
  Sealed sealed;
};

Sealer::Sealer(int level, size_t frame_bytes, const Encryption* encryption)
    : work_(std::make_unique<Work>(level, std::clamp<size_t>(frame_bytes, 1, kMaxFrameBytes),
                                   encryption)) {}
Sealer::~Sealer() = default;
Sealer::Sealer(Sealer&&) noexcept = default;
Sealer& Sealer::operator=(Sealer&&) noexcept = default;

Result<> Sealer::begin(SealSink sink, const std::optional<FingerprintKey>& key) {
  work_->filled = 0;
  work_->frames = 0;
  (void)work_->raw_hash.finish();  // of a file that was given up half-way
  (void)work_->stored_hash.finish();
  work_->rows.reset();
  if (key) work_->rows.emplace(*key);
  work_->sink = std::move(sink);
  work_->sealed = {};
  work_->pipe.reset();
  if (work_->encryption != nullptr) {
    TRY_ASSIGN(work_->pipe, AgePipe::encrypt(*work_->encryption));
  }
  return {};
}

std::span<unsigned char> Sealer::room() {
  return std::span(work_->frame.get(), work_->frame_size).subspan(work_->filled);
}

Result<> Sealer::took(size_t count) {
  work_->take(room().first(count));
  work_->filled += count;
  return work_->filled == work_->frame_size ? work_->end_frame() : Result<>();
}

Result<> Sealer::update(ByteSpan bytes) {
  while (!bytes.empty()) {
    const size_t count = std::min(bytes.size(), room().size());
    std::memcpy(room().data(), bytes.data(), count);
    TRY(took(count));
    bytes = bytes.subspan(count);
  }
  return {};
}

const CopyRows* Sealer::rows() const {
  return work_->rows ? &*work_->rows : nullptr;
}

Result<Sealed> Sealer::finish() {
  if (work_->filled > 0 || work_->frames == 0) TRY(work_->end_frame());
  if (work_->pipe) TRY(work_->pipe->finish(work_->store));
  work_->pipe.reset();
  Sealed sealed = work_->sealed;
  sealed.raw_sha256 = work_->raw_hash.finish();
  sealed.stored_sha256 = work_->stored_hash.finish();
  if (work_->rows) sealed.rows = work_->rows->summary();
  work_->sink = nullptr;
  return sealed;
}

}  // namespace vigie::artefact
