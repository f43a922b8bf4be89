#include "store/copy_artefact.h"

#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "base/hash.h"
#include "platform/patience.h"
#include "store/discard.h"

namespace vigie::store {
namespace {

using artefact::FileEntry;

constexpr size_t kPiece = size_t{1} << 20;

class Copying {
 public:
  Copying(const CopyRequest& request, const platform::Clock& clock)
      : request_(request), clock_(clock), patience_("the copy", request.limits, clock) {}

  Result<Copied> run() {
    TRY(read_manifest());
    TRY(clear_target());
    TRY_ASSIGN(writer_, request_.target.begin(request_.id));
    auto done = copy_files();
    if (done) done = publish();
    if (done) return Copied{std::move(manifest_), sha256_hex(manifest_text_)};
    discard_unpublished(*writer_, request_.target, request_.id, clock_);
    return fail(done.error());
  }

 private:
  Result<> read_manifest() {
    TRY_ASSIGN(manifest_text_, artefact::read_stored(request_.source, artefact::kManifestName,
                                                     artefact::kMaxManifestBytes));
    if (!request_.manifest_sha256.empty() && sha256_hex(manifest_text_) != request_.manifest_sha256)
      return fail(ErrorCode::manifest_changed,
                  {{"backup", request_.id.str()}, {"job", request_.id.job}});
    TRY_ASSIGN(manifest_, artefact::Manifest::parse(manifest_text_, request_.id));
    return {};
  }

  // Debris of an attempt that came to nothing.
  Result<> clear_target() {
    TRY_ASSIGN(const bool there, request_.target.exists(request_.id));
    if (there) return fail(ErrorCode::file_exists, {{"path", request_.id.str()}});
    return request_.target.remove(request_.id);
  }

  Result<> copy_files() {
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < request_.workers; ++i) workers.emplace_back([this] { work(); });
    work();
    workers.clear();
    return outcome_;
  }

  void work() {
    const auto piece = std::make_unique_for_overwrite<unsigned char[]>(kPiece);
    for (size_t i = next_++; i < manifest_.files.size(); i = next_++) {
      const auto done = copy_file(manifest_.files[i], {piece.get(), kPiece});
      if (!done) return give_up(done.error());
    }
  }

  void give_up(const Error& error) {
    const std::lock_guard lock(mutex_);
    next_ = manifest_.files.size();
    if (outcome_) outcome_ = fail(error);
  }

  Result<> copy_file(const FileEntry& entry, std::span<unsigned char> piece) {
    const auto file = request_.source.open(entry.name);
    if (!file) return fail(reading_failed(file.error(), entry));
    TRY_ASSIGN(const auto writer, writer_->create(entry.name));
    Sha256 hash;
    uint64_t at = 0;
    while (true) {
      TRY(patience_.may_go_on());
      TRY_ASSIGN(const size_t got, (*file)->read_at(at, piece));
      if (got == 0) break;
      const ByteSpan bytes = piece.first(got);
      hash.update(bytes);
      TRY(writer->append(bytes));
      at += got;
      tell({got});
    }
    if (at != entry.stored.count) return fail(about(ErrorCode::artefact_size, entry, at));
    if (hash.finish() != entry.stored_sha256)
      return fail(about(ErrorCode::artefact_hash, entry, at));
    return writer->close();
  }

  Result<> publish() {
    TRY(write_file(*writer_, artefact::kSumsName, artefact::sums_text(manifest_, manifest_text_)));
    TRY(patience_.may_go_on());
    return writer_->publish(manifest_text_);
  }

  void tell(Bytes more) {
    const std::lock_guard lock(mutex_);
    done_ += more;
    if (request_.progress) request_.progress(done_, manifest_.stored());
  }

  Error about(ErrorCode code, const FileEntry& entry, uint64_t observed) const {
    return Error(code, {{"backup", request_.id.str()},
                        {"job", request_.id.job},
                        {"member", entry.name},
                        {"observed", fmt::format("{}", observed)},
                        {"expected", fmt::format("{}", entry.stored.count)}});
  }
  Error reading_failed(const Error& error, const FileEntry& entry) const {
    return error.code() == ErrorCode::file_not_found
               ? about(ErrorCode::artefact_missing_file, entry, 0)
               : error;
  }

  const CopyRequest& request_;
  const platform::Clock& clock_;
  const platform::Patience patience_;
  std::string manifest_text_;
  artefact::Manifest manifest_;
  std::unique_ptr<ArtefactWriter> writer_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;
  Result<> outcome_;  // guarded by mutex_ while workers run
  Bytes done_;        // guarded by mutex_
};

}  // namespace

Result<Copied> copy_artefact(const CopyRequest& request, const platform::Clock& clock) {
  return Copying(request, clock).run();
}

}  // namespace vigie::store
