#include "ledger/copy.h"

#include <algorithm>
#include <span>

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr size_t kChunk = 1 << 20;

Result<> pour(const platform::ReadableFile& from, platform::WritableFile& to, Bytes size,
              const std::stop_token& stop) {
  std::vector<unsigned char> chunk(std::min<uint64_t>(kChunk, size.count));
  for (uint64_t at = 0; at < size.count; at += kChunk) {
    TRY(not_stopped(stop));
    const auto now = static_cast<size_t>(std::min<uint64_t>(kChunk, size.count - at));
    TRY_ASSIGN(const size_t got, from.read_at(at, std::span(chunk).first(now)));
    TRY(to.append(std::span(chunk).first(got)));
    if (got < now) break;  // the comparison behind it tells
  }
  TRY(to.sync());
  return to.close();
}

}  // namespace

LedgerCopy::LedgerCopy(platform::FileSystem& files, const platform::Path& folder, platform::Path to,
                       const platform::Clock& clock)
    : files_(files),
      from_(folder.parent_path()),
      name_(folder.filename()),
      to_(std::move(to)),
      progress_(to_.string(), clock) {}

Result<Mark> LedgerCopy::newest(const std::vector<PublicKey>& keys,
                                const std::stop_token& stop) const {
  TRY_ASSIGN(const CheckpointFile file,
             read_checkpoints(files_, to_ / kCheckpointsName, stop, Signatures::last));
  const bool ours = std::ranges::any_of(
      keys, [&](const PublicKey& key) { return file.chain.key(key.id()) != nullptr; });
  if (!ours) return Mark{};
  return Mark{file.chain.newest().size, file.chain.newest().head};
}

Result<> LedgerCopy::update(Ledger& ledger, const Checkpoints& checkpoints,
                            const std::stop_token& stop) {
  progress_.begin();
  const uint64_t size = checkpoints.newest().seq;
  auto done = compare_once(ledger, checkpoints, stop);
  if (done) done = copy_all(ledger, checkpoints, stop);
  if (done)
    progress_.done(size);
  else
    progress_.failed(done.error());
  return done;
}

Result<> LedgerCopy::compare_once(Ledger& ledger, const Checkpoints& checkpoints,
                                  const std::stop_token& stop) {
  TRY_ASSIGN(const auto info, files_.info(to_));
  if (info.kind != platform::EntryKind::folder)
    return fail(ErrorCode::file_not_found, {{"path", to_.string()}});
  if (compared_) return {};
  TRY_ASSIGN(const Mark known, newest(checkpoints.keys(), stop));
  TRY_ASSIGN(const bool removed, compare_with_copy(ledger, checkpoints, known, stop));
  progress_.saw(known, removed);
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
  if (const auto damage = checkpoints.damage()) return fail(*damage);
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
    if (found == view.segments.end()) return copy_differs(name);
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
    return here.size == there.size ? Result<>() : Result<>(copy_differs(name));
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
    if (there->size > size) return copy_differs(to.filename().string());
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
  TRY_ASSIGN(const bool same, begin_alike(*ours, *theirs, size, stop));
  return same ? Result<>() : Result<>(copy_differs(to.filename().string()));
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
