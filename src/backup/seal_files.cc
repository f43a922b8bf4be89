#include "backup/seal_files.h"

#include "backup/dump_files.h"
#include "platform/staging_file.h"

namespace vigie::backup {
namespace {

using artefact::FileKind;

// Holes are punched in steps of this: each costs the file system a transaction.
constexpr uint64_t kReleaseEvery = uint64_t{4} << 20;
// What is not yet worth waking up for is left to gather, unless the file has ended.
constexpr size_t kPiece = size_t{256} << 10;

// Of small files.
constexpr size_t kSmallFrame = size_t{256} << 10;

bool is_read_again(FileKind kind) {
  return kind == FileKind::toc || kind == FileKind::blobs_toc;
}

artefact::FileEntry entry_of(std::string name, FileKind kind, const artefact::Sealed& sealed,
                             const SealSettings& settings) {
  const auto codec =
      settings.encryption == nullptr ? artefact::Codec::zstd : artefact::Codec::zstd_age;
  return {std::move(name),     kind, codec, sealed.raw, sealed.raw_sha256, sealed.stored,
          sealed.stored_sha256};
}

}  // namespace

Result<artefact::FileEntry> seal_one(store::ArtefactWriter& out, const SealSettings& settings,
                                     std::string_view name, FileKind kind,
                                     const std::function<Result<>(artefact::Sealer&)>& feed) {
  std::string stored_name = sealed_name(name, settings.encryption != nullptr);
  TRY_ASSIGN(const auto writer, out.create(stored_name));
  artefact::Sealer sealer(settings.level, kSmallFrame, settings.encryption);
  TRY(sealer.begin([&](ByteSpan bytes) { return writer->append(bytes); }, std::nullopt));
  TRY(feed(sealer));
  TRY_ASSIGN(const artefact::Sealed sealed, sealer.finish());
  TRY(writer->close());
  return entry_of(std::move(stored_name), kind, sealed, settings);
}

// One thread's work on one file after the other.
class SealThreads::Worker {
 public:
  explicit Worker(SealThreads& home)
      : home_(home),
        sealer_(home.settings_.level, artefact::Sealer::kDefaultFrameBytes,
                home.settings_.encryption) {}

  Result<Done> seal(const DumpFile& file) {
    TRY_ASSIGN(auto staged, platform::StagingFile::open(home_.settings_.folder / file.name));
    TRY_ASSIGN(const auto writer, home_.out_.create(stored_name(file)));
    TRY(begin(file, *writer));
    TRY(follow(file, staged));
    TRY_ASSIGN(const artefact::Sealed sealed, sealer_.finish());
    TRY(writer->close());
    // Only to keep staging small.
    if (!is_read_again(file.kind)) (void)staged.empty();
    return done(file, sealed);
  }

 private:
  std::string stored_name(const DumpFile& file) const {
    return stored_name_of(file.name, home_.settings_.encryption != nullptr);
  }

  Result<> begin(const DumpFile& file, store::FileWriter& writer) {
    auto sink = [this, &writer](ByteSpan bytes) {
      home_.stored_.fetch_add(bytes.size(), std::memory_order_relaxed);
      return writer.append(bytes);
    };
    const bool is_table = file.kind == FileKind::data;
    return sealer_.begin(sink, is_table ? std::optional(home_.settings_.key) : std::nullopt);
  }

  Result<> follow(const DumpFile& file, platform::StagingFile& staged) {
    uint64_t released = 0;
    while (true) {
      const bool may_grow = home_.queue_.may_grow(file.name);
      const auto room = sealer_.room();
      TRY_ASSIGN(const size_t got, staged.read(room.first(std::min(room.size(), kPiece))));
      if (got > 0) {
        TRY(sealer_.took(got));
        home_.queue_.sealed_more(file.name, got);
        if (staged.position() - released >= kReleaseEvery) {
          released = staged.position();
          if (!is_read_again(file.kind)) release(file, staged);
        }
      } else if (is_complete()) {
        return {};
      } else if (home_.queue_.given_up()) {
        return fail(ErrorCode::cancelled, {{"reason", "the dump was given up"}});
      } else if (!may_grow) {
        return end_of(file);
      }
      if (got < kPiece / 2 && !is_complete()) home_.queue_.wait_for_growth(file.name);
    }
  }

  // COPY's trailer ends a data file before its close is seen.
  bool is_complete() const { return sealer_.rows() != nullptr && sealer_.rows()->complete(); }

  // The file has ended and its trailer was not seen.
  Result<> end_of(const DumpFile& file) const {
    if (file.kind != FileKind::data) return {};
    return fail(ErrorCode::dump_incomplete,
                {{"database", home_.settings_.database},
                 {"reason", "the rows of a table do not end with the trailer of COPY"}});
  }

  void release(const DumpFile& file, platform::StagingFile& staged) {
    if (staged.release())
      home_.queue_.released(file.name, staged.position());
    else
      home_.punches_.store(false, std::memory_order_relaxed);
  }

  Done done(const DumpFile& file, const artefact::Sealed& sealed) const {
    Done out;
    out.entry = entry_of(stored_name(file), file.kind, sealed, home_.settings_);
    out.rows = sealed.rows.value_or(artefact::RowSummary{});
    out.dump_name = file.name;
    return out;
  }

  SealThreads& home_;
  artefact::Sealer sealer_;
};

SealThreads::SealThreads(SealQueue& queue, SealSettings settings, store::ArtefactWriter& out,
                         unsigned threads)
    : queue_(queue), settings_(std::move(settings)), out_(out) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

SealThreads::~SealThreads() {
  if (!threads_.empty()) queue_.give_up(Error(ErrorCode::cancelled, {{"reason", "given up"}}));
}

void SealThreads::join() {
  threads_.clear();
}

std::vector<SealThreads::Done> SealThreads::take() {
  const std::lock_guard lock(mutex_);
  return std::move(done_);
}

void SealThreads::run() {
  Worker worker(*this);
  while (const auto file = queue_.next()) {
    auto sealed = worker.seal(*file);
    if (!sealed) {
      queue_.give_up(sealed.error());
    } else {
      const std::lock_guard lock(mutex_);
      done_.push_back(std::move(*sealed));
    }
    queue_.done(file->name);
  }
}

}  // namespace vigie::backup
