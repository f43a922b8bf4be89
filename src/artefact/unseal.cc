#include "artefact/unseal.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <vector>

#include "artefact/copy_rows.h"
#include "platform/patience.h"

namespace vigie::artefact {
namespace {

constexpr size_t kSmall = size_t{4} << 10;
constexpr size_t kInput = size_t{1} << 20;
constexpr size_t kOutput = size_t{512} << 10;
constexpr int kMaxWindowLog = 23;  // 8 MiB: what a frame may ask for

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Context = std::unique_ptr<ZSTD_DCtx, FreeContext>;

Context make_context() {
  Context context(ZSTD_createDCtx());
  if (!context) std::abort();
  ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
  return context;
}

// One file's way through the checks.
class Check {
 public:
  // Opened: the raw bytes are seen too.
  Check(const BackupId& id, const FileEntry& entry, const TableEntry* table,
        const FingerprintKey& key, const RawSink& sink, bool opened)
      : id_(id), entry_(entry), table_(table), sink_(sink), opened_(opened) {
    if (table != nullptr) rows_.emplace(key);
  }

  Result<> stored(ByteSpan bytes) {
    stored_ += bytes.size();
    stored_hash_.update(bytes);
    return {};
  }

  // Never more than the manifest says: a bomb ends here.
  Result<> raw(ByteSpan bytes) {
    raw_ += bytes.size();
    if (raw_ > entry_.raw.count) return bad_content("it holds more than the manifest says");
    raw_hash_.update(bytes);
    if (rows_) rows_->update(bytes);
    return sink_ ? sink_(bytes) : Result<>();
  }

  Result<> finish_stored() {
    if (stored_ != entry_.stored.count) {
      return fail(ErrorCode::artefact_size,
                  parameters({{"observed", fmt::format("{}", stored_)},
                              {"expected", fmt::format("{}", entry_.stored.count)}}));
    }
    return stored_hash_.finish() == entry_.stored_sha256 ? Result<>() : bad_hash();
  }

  Result<> finish_raw() {
    if (!opened_) return {};
    if (raw_ != entry_.raw.count) return bad_content("it holds less than the manifest says");
    // Of an encrypted file there is none; its own authentication has said as much.
    if (!entry_.encrypted() && raw_hash_.finish() != entry_.raw_sha256) return bad_hash();
    return rows_ ? finish_rows() : Result<>();
  }

  tl::unexpected<Error> bad_content(std::string reason) const {
    return fail(ErrorCode::artefact_decompress, parameters({{"reason", std::move(reason)}}));
  }

 private:
  Parameters parameters(Parameters more) const {
    more.insert(more.begin(), {{"backup", id_.str()}, {"job", id_.job}, {"member", entry_.name}});
    return more;
  }
  tl::unexpected<Error> bad_hash() const { return fail(ErrorCode::artefact_hash, parameters({})); }

  Result<> finish_rows() const {
    const std::string object = printable(table_->schema + "." + table_->name);
    if (!rows_->complete() || rows_->summary().rows != table_->rows.rows) {
      return fail(ErrorCode::artefact_rows,
                  parameters({{"object", object},
                              {"observed", fmt::format("{}", rows_->summary().rows)},
                              {"expected", fmt::format("{}", table_->rows.rows)}}));
    }
    if (rows_->summary().fingerprint != table_->rows.fingerprint) {
      return fail(ErrorCode::artefact_fingerprint, parameters({{"object", object}}));
    }
    return {};
  }

  const BackupId& id_;
  const FileEntry& entry_;
  const TableEntry* table_;
  const RawSink& sink_;
  const bool opened_;
  uint64_t stored_ = 0;
  uint64_t raw_ = 0;
  Sha256 stored_hash_;
  Sha256 raw_hash_;
  std::optional<CopyRows> rows_;
};

}  // namespace

struct Unsealer::Work {
  // Decompresses one piece of the stored bytes; frames may begin and end anywhere in it.
  Result<> decompress(ByteSpan stored, Check& check) {
    ZSTD_inBuffer in{stored.data(), stored.size(), 0};
    bool full = false;
    while (in.pos < in.size || full) {
      ZSTD_outBuffer out{output.data(), output.size(), 0};
      const size_t hint = ZSTD_decompressStream(context.get(), &out, &in);
      if (ZSTD_isError(hint) != 0) {
        return check.bad_content(fmt::format("zstd: {}", ZSTD_getErrorName(hint)));
      }
      mid_frame = hint != 0;
      full = out.pos == out.size && mid_frame;
      if (out.pos > 0) TRY(check.raw({output.data(), out.pos}));
    }
    return {};
  }

  // What becomes of the stored bytes of one file.
  Result<> open(ByteSpan stored, const FileEntry& entry, Check& check) {
    if (entry.codec == Codec::none) return check.raw(stored);
    if (!entry.encrypted()) return decompress(stored, check);
    if (!pipe) return {};
    return pipe->push(stored, [&](ByteSpan frames) { return decompress(frames, check); });
  }

  Result<> finish_opening(Check& check) {
    if (pipe) TRY(pipe->finish([&](ByteSpan frames) { return decompress(frames, check); }));
    return mid_frame ? check.bad_content("its last frame is cut off") : check.finish_raw();
  }

  Result<> begin(const BackupId& id, const FileEntry& entry) {
    ZSTD_DCtx_reset(context.get(), ZSTD_reset_session_only);
    make_room(entry);
    mid_frame = false;
    pipe.reset();
    if (entry.encrypted() && decryption != nullptr) {
      TRY_ASSIGN(pipe, AgePipe::decrypt(*decryption, limits, id, entry.name));
    }
    return {};
  }

  // To the end of the stored bytes whatever opening them says: first their hash is asked.
  Result<> read(const platform::ReadableFile& file, const FileEntry& entry, Check& check,
                const BetweenPieces& between) {
    Result<> opened;
    uint64_t at = 0;
    while (true) {
      TRY_ASSIGN(const size_t got, file.read_at(at, input));
      if (got == 0) break;
      at += got;
      const ByteSpan piece = ByteSpan(input).first(got);
      TRY(check.stored(piece));
      // It may be endless.
      if (at > entry.stored.count) return check.finish_stored();
      if (opened) opened = open(piece, entry, check);
      // The sink's own errors say nothing of the bytes, and more than was promised is a bomb.
      if (!opened && !entry.encrypted()) return opened;
      if (between) TRY(between({at}));
    }
    if (opened) opened = finish_opening(check);
    TRY(check.finish_stored());
    return opened;
  }

  // As large as the largest file so far has use for: most artefacts have many small ones. One byte
  // more, so that what is longer than it should be shows.
  void make_room(const FileEntry& entry) {
    const auto fit = [](std::vector<unsigned char>& buffer, Bytes bytes, size_t most) {
      const size_t wanted = std::clamp<uint64_t>(bytes.count, kSmall, most - 1) + 1;
      if (buffer.size() < wanted) buffer.resize(wanted);
    };
    fit(input, entry.stored, kInput);
    fit(output, entry.raw, kOutput);
  }

  const Decryption* decryption = nullptr;
  CallLimits limits;
  std::optional<AgePipe> pipe{};  // of the file at work
  Context context = make_context();
  std::vector<unsigned char> input;
  std::vector<unsigned char> output;
  bool mid_frame = false;
};

Unsealer::Unsealer(const Decryption* decryption, CallLimits limits)
    : work_(new Work{decryption, std::move(limits)}) {}
Unsealer::~Unsealer() = default;
Unsealer::Unsealer(Unsealer&&) noexcept = default;
Unsealer& Unsealer::operator=(Unsealer&&) noexcept = default;

Result<> Unsealer::check(const BackupId& id, const platform::ReadableFile& file,
                         const FileEntry& entry, const TableEntry* table, const FingerprintKey& key,
                         const BetweenPieces& between, const RawSink& sink) {
  const bool opened = !entry.encrypted() || work_->decryption != nullptr;
  Check check(id, entry, table, key, sink, opened);
  TRY(work_->begin(id, entry));
  return work_->read(file, entry, check, between);
}

Result<std::string> read_unsealed(ArtefactSource& source, const Manifest& manifest,
                                  const FileEntry& entry, Bytes max, const Decryption* decryption,
                                  const CallLimits& limits) {
  if (entry.raw > max)
    return fail(ErrorCode::limit_exceeded, {{"name", entry.name},
                                            {"observed", format_bytes(entry.raw)},
                                            {"limit", format_bytes(max)}});
  if (entry.encrypted() && decryption == nullptr)
    return fail(ErrorCode::identity_missing, {{"backup", manifest.id.str()}});
  TRY_ASSIGN(const auto file, source.open(entry.name));
  const auto table = std::ranges::find(manifest.tables, entry.name, &TableEntry::file);
  const platform::RealClock clock;
  const platform::Patience patience("reading a file", limits, clock);
  std::string raw;
  const auto keep = [&](ByteSpan bytes) {
    raw.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Result<>();
  };
  TRY(Unsealer(decryption, limits)
          .check(
              manifest.id, *file, entry, table == manifest.tables.end() ? nullptr : &*table,
              manifest.fingerprint_key, [&](Bytes) { return patience.may_go_on(); }, keep));
  return raw;
}

Result<> read_key(ArtefactSource& source, Manifest& manifest, const Decryption& decryption,
                  const CallLimits& limits) {
  const auto entry = std::ranges::find(manifest.files, FileKind::key, &FileEntry::kind);
  if (entry == manifest.files.end()) return {};
  TRY_ASSIGN(const std::string raw,
             read_unsealed(source, manifest, *entry, {kSmall}, &decryption, limits));
  if (raw.size() != manifest.fingerprint_key.size())
    return fail(ErrorCode::artefact_decompress, {{"backup", manifest.id.str()},
                                                 {"job", manifest.id.job},
                                                 {"member", entry->name},
                                                 {"reason", "it is no key"}});
  FingerprintKey key;
  std::ranges::copy(raw, key.begin());
  manifest.unmask(key);
  return {};
}

}  // namespace vigie::artefact
