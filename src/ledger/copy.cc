#include "ledger/copy.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr size_t kChunk = 1 << 20;

Result<> not_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
  return {};
}

// Two files, chunk by chunk.
class Chunks {
 public:
  using Span = std::span<unsigned char>;
  Chunks() : memory_(2 * kChunk) {}
  Span first(size_t size) { return Span(memory_).first(size); }
  Span second(size_t size) { return Span(memory_).subspan(kChunk, size); }

 private:
  std::vector<unsigned char> memory_;
};

size_t next_chunk(uint64_t at, Bytes size) {
  return static_cast<size_t>(std::min<uint64_t>(kChunk, size.count - at));
}

// Both begin with the same `size` bytes.
Result<bool> same_bytes(const platform::ReadableFile& a, const platform::ReadableFile& b,
                        Bytes size, const std::stop_token& stop) {
  Chunks chunks;
  for (uint64_t at = 0; at < size.count; at += kChunk) {
    TRY(not_stopped(stop));
    const size_t now = next_chunk(at, size);
    TRY_ASSIGN(const size_t got_a, a.read_at(at, chunks.first(now)));
    TRY_ASSIGN(const size_t got_b, b.read_at(at, chunks.second(now)));
    if (got_a != now || got_b != now || !std::ranges::equal(chunks.first(now), chunks.second(now)))
      return false;
  }
  return true;
}

Result<> pour(const platform::ReadableFile& from, platform::WritableFile& to, Bytes size,
              const std::stop_token& stop) {
  Chunks chunks;
  for (uint64_t at = 0; at < size.count; at += kChunk) {
    TRY(not_stopped(stop));
    const size_t now = next_chunk(at, size);
    TRY_ASSIGN(const size_t got, from.read_at(at, chunks.first(now)));
    TRY(to.append(chunks.first(got)));
    if (got < now) break;  // the comparison behind it tells
  }
  TRY(to.sync());
  return to.close();
}

std::string reason_of(const Error& error) {
  if (error.code() == ErrorCode::checkpoint_invalid) return "copy_differs";
  return error.code() == ErrorCode::file_not_found ? "copy_missing" : "copy_failed";
}

}  // namespace

LedgerCopy::LedgerCopy(platform::FileSystem& files, const platform::Path& folder, platform::Path to,
                       const platform::Clock& clock)
    : files_(files),
      from_(folder.parent_path()),
      name_(folder.filename()),
      to_(std::move(to)),
      clock_(clock) {
  view_.folder = to_.string();
}

CopyView LedgerCopy::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

Result<Mark> LedgerCopy::newest(const std::vector<PublicKey>& keys,
                                const std::stop_token& stop) const {
  TRY_ASSIGN(const CheckpointFile file,
             read_checkpoints(files_, to_ / kCheckpointsName, stop, Signatures::last));
  const bool ours = std::ranges::any_of(
      keys, [&](const PublicKey& key) { return file.chain.key(key.id()) != nullptr; });
  if (!ours) return Mark{};
  return Mark{file.chain.newest().size, file.chain.newest().head};
}

tl::unexpected<Error> LedgerCopy::differs(const platform::Path& file) const {
  return fail(ErrorCode::checkpoint_invalid,
              {{"size", "these"},
               {"reason", file.filename().string() + " in the copy is of another history"}});
}

Result<> LedgerCopy::update(Ledger& ledger, const Checkpoints& checkpoints,
                            const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    view_.busy_since = clock_.now();
  }
  const uint64_t size = checkpoints.newest().seq;
  auto done = compare_once(ledger, checkpoints, stop);
  if (done) done = copy_all(ledger, checkpoints, stop);
  const std::lock_guard lock(mutex_);
  view_.busy_since.reset();
  if (done) {
    view_.size = size;
    view_.copied_at = clock_.now();
    view_.reason.clear();
    view_.failed_at.reset();
  } else if (done.error().code() != ErrorCode::cancelled) {
    view_.reason = reason_of(done.error());
    view_.failed_at = clock_.now();
  }
  return done;
}

Result<> LedgerCopy::compare_once(Ledger& ledger, const Checkpoints& checkpoints,
                                  const std::stop_token& stop) {
  TRY_ASSIGN(const auto info, files_.info(to_));
  if (info.kind != platform::EntryKind::folder)
    return fail(ErrorCode::file_not_found, {{"path", to_.string()}});
  if (compared_) return {};
  TRY_ASSIGN(const Mark known, newest(checkpoints.keys(), stop));
  TRY(ledger.compare_end(known, stop));
  compared_ = true;
  return {};
}

// A segment may be sealed while we look: what then seems to be of another history is looked at
// again.
Result<> LedgerCopy::copy_all(const Ledger& ledger, const Checkpoints& checkpoints,
                              const std::stop_token& stop) {
  TRY(files_.create_folder(to_ / name_, 0700));
  TRY(files_.sync_folder(to_));
  const Bytes lines = checkpoints.written();  // before the entries that they speak of
  constexpr int kTries = 3;
  for (int i = 1;; ++i) {
    const LedgerViewPtr view = ledger.view();
    const auto copied = copy_segments(*view, stop);
    if (copied) break;
    const bool sealed_meanwhile = ledger.view()->segments.size() != view->segments.size();
    if (!sealed_meanwhile || i == kTries) return copied;
  }
  TRY(copy_growing(from_ / kCheckpointsName, to_ / kCheckpointsName, lines, stop));
  return copy_key();
}

// There is none as long as no key could be made.
Result<> LedgerCopy::copy_key() {
  const auto key = platform::read_file(files_, from_ / kPublicKeyName, kMaxCheckpointLine);
  if (!key && key.error().code() == ErrorCode::file_not_found) return {};
  if (!key) return fail(key.error());
  const auto there = platform::read_file(files_, to_ / kPublicKeyName, kMaxCheckpointLine);
  if (there && *there == *key) return {};
  return platform::write_file_replace(files_, to_ / kPublicKeyName, *key, 0644);
}

// What is sealed there and not here was never ours, or is not any more.
Result<> LedgerCopy::check_names(const LedgerView& view,
                                 const std::vector<std::string>& there) const {
  for (const std::string& name : there) {
    const auto found = std::ranges::find(view.segments, name, &SegmentView::name);
    if (found == view.segments.end()) return differs(name);
  }
  return {};
}

Result<> LedgerCopy::copy_segments(const LedgerView& view, const std::stop_token& stop) {
  TRY_ASSIGN(const SegmentNames there, list_segments(files_, to_ / name_));
  TRY(check_names(view, there.sealed));
  for (const SegmentView& segment : view.segments) {
    TRY(not_stopped(stop));
    if (segment.name == kCurrentSegment) {
      TRY(copy_growing(from_ / name_ / kCurrentSegment, to_ / name_ / kCurrentSegment, segment.size,
                       stop));
      continue;
    }
    const bool known = std::ranges::find(there.sealed, segment.name) != there.sealed.end();
    TRY(copy_sealed(segment.name, known, stop));
  }
  return {};
}

// The copy's current segment becomes the sealed one, as it did here: no entry is ever there twice.
Result<> LedgerCopy::copy_sealed(const std::string& name, bool known, const std::stop_token& stop) {
  const platform::Path from = from_ / name_ / name;
  const platform::Path folder = to_ / name_;
  TRY_ASSIGN(const auto here, files_.info(from));
  if (known) {
    TRY_ASSIGN(const auto there, files_.info(folder / name));
    return here.size == there.size ? Result<>() : Result<>(differs(name));
  }
  TRY(copy_growing(from, folder / kCurrentSegment, here.size, stop));
  TRY(files_.rename_new(folder / kCurrentSegment, folder / name));
  return files_.sync_folder(folder);
}

// `to` must begin `from`, and then is its first `size` bytes.
Result<> LedgerCopy::copy_growing(const platform::Path& from, const platform::Path& to, Bytes size,
                                  const std::stop_token& stop) {
  const auto there = files_.info(to);
  const bool missing = !there && there.error().code() == ErrorCode::file_not_found;
  if (!there && !missing) return fail(there.error());
  if (missing && size.count == 0) return {};
  if (there) {
    if (there->size > size) return differs(to);
    TRY(compare(from, to, there->size, stop));
    if (there->size == size) return {};
  }
  return write(from, to, size, stop);
}

Result<> LedgerCopy::compare(const platform::Path& from, const platform::Path& to, Bytes size,
                             const std::stop_token& stop) const {
  if (size.count == 0) return {};
  TRY_ASSIGN(const auto ours, files_.open_read(from));
  TRY_ASSIGN(const auto theirs, files_.open_read(to));
  TRY_ASSIGN(const bool same, same_bytes(*ours, *theirs, size, stop));
  return same ? Result<>() : Result<>(differs(to));
}

// Read back before it takes its place.
Result<> LedgerCopy::write(const platform::Path& from, const platform::Path& to, Bytes size,
                           const std::stop_token& stop) {
  const platform::Path temporary = to.parent_path() / ("." + to.filename().string() + ".tmp");
  const auto removed = files_.remove_file(temporary);
  if (!removed && removed.error().code() != ErrorCode::file_not_found) return fail(removed.error());
  TRY_ASSIGN(const auto ours, files_.open_read(from));
  TRY_ASSIGN(const auto file, files_.create(temporary, 0600));
  TRY(pour(*ours, *file, size, stop));
  TRY(compare(from, temporary, size, stop));
  TRY(files_.rename_replace(temporary, to));
  return files_.sync_folder(to.parent_path());
}

}  // namespace vigie::ledger
