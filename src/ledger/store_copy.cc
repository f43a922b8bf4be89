#include "ledger/store_copy.h"

#include <algorithm>

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

const std::string kLines(kCheckpointsName);
const std::string kPublicKey(kPublicKeyName);
constexpr std::string_view kFolder = "ledger/";

// Where the current segment lies: under the name that it will have.
std::string name_in_copy(const LedgerView& view, const SegmentView& segment) {
  if (segment.name != kCurrentSegment) return std::string(kFolder) + segment.name;
  uint64_t last = 0;
  for (const SegmentView& one : view.segments) last = std::max(last, sealed_number(one.name));
  return std::string(kFolder) + sealed_name(last + 1);
}

Error sealed_meanwhile() {
  return Error(ErrorCode::file_corrupt,
               {{"path", std::string(kCurrentSegment)}, {"reason", "it was sealed meanwhile"}});
}

}  // namespace

// One update: what the place held when it began.
class StoreCopy::Update {
 public:
  Update(StoreCopy& copy, CopyPlace& place, std::stop_token stop)
      : copy_(copy), place_(place), stop_(std::move(stop)) {}

  Result<> run(Ledger& ledger, const Checkpoints& checkpoints) {
    TRY(list());
    TRY(compare(ledger, checkpoints));
    const Bytes lines = checkpoints.written();  // before the entries that they speak of
    TRY(copy_segments(ledger));
    if (const auto damage = checkpoints.damage()) return fail(*damage);
    if (lines.count > 0) {
      TRY_ASSIGN(const auto ours, copy_.files_.open_read(copy_.from_ / kLines));
      TRY(copy_growing(kLines, *ours, lines));
    }
    copy_.newest_ = newest_sent_;
    return copy_key();
  }

 private:
  Result<> list() {
    TRY_ASSIGN(auto all, place_.list());
    for (CopiedFile& one : all) there_.emplace(one.name, std::move(one));
    return {};
  }
  const CopiedFile* find(const std::string& name) const {
    const auto found = there_.find(name);
    return found == there_.end() ? nullptr : &found->second;
  }
  bool is_known(const CopiedFile& file) const {
    const auto found = copy_.known_.find(file.name);
    return found != copy_.known_.end() && found->second == file.tag;
  }

  Result<> compare(Ledger& ledger, const Checkpoints& checkpoints) {
    newest_sent_ = checkpoints.newest();
    const CopiedFile* const lines = find(kLines);
    if (lines == nullptr) {
      copy_.newest_ = {};
    } else if (!is_known(*lines)) {
      TRY_ASSIGN(copy_.newest_, read_newest(checkpoints));
    }
    TRY_ASSIGN(const bool removed, compare_with_copy(ledger, checkpoints, copy_.newest_, stop_));
    copy_.progress_.saw(copy_.newest_, removed);
    // Damaged ones of ours differ, and say nothing of the copy.
    if (lines == nullptr || checkpoints.damage()) return {};
    return compare_lines(*lines, checkpoints.written());
  }

  // Before anything is sent: they vouch for segments that are taken to be the same by their size.
  Result<> compare_lines(const CopiedFile& there, Bytes written) {
    if (there.size > written) return copy_differs(kLines);
    if (is_known(there)) return {};
    TRY_ASSIGN(const auto ours, copy_.files_.open_read(copy_.from_ / kLines));
    TRY(compare_bytes(there, *ours));
    copy_.known_[kLines] = there.tag;
    return {};
  }

  // A copy of ours that none of our keys signs is of another history.
  Result<Mark> read_newest(const Checkpoints& checkpoints) {
    TRY_ASSIGN(const auto file, place_.open(kLines));
    TRY_ASSIGN(const CheckpointFile found, read_checkpoints(*file, stop_, Signatures::last));
    const Checkpoint& newest = found.chain.newest();
    if (newest.size == 0) return Mark{};
    const bool ours = std::ranges::any_of(checkpoints.keys(), [&](const PublicKey& key) {
      return found.chain.key(key.id()) != nullptr;
    });
    if (!ours) return copy_differs(kLines);
    return Mark{newest.size, newest.head};
  }

  // A segment may be sealed while we look: then once more.
  Result<> copy_segments(const Ledger& ledger) {
    constexpr int kTries = 3;
    for (int i = 1;; ++i) {
      const LedgerViewPtr view = ledger.view();
      const auto copied = copy_segments_of(*view, ledger);
      const bool same = ledger.view()->segments.size() == view->segments.size();
      if (copied || same || i == kTries) return copied;
    }
  }

  Result<> copy_segments_of(const LedgerView& view, const Ledger& ledger) {
    TRY(check_names(view));
    for (const SegmentView& segment : view.segments) {
      TRY(not_stopped(stop_));
      const std::string name = name_in_copy(view, segment);
      if (segment.name == kCurrentSegment)
        TRY(copy_current(name, segment, ledger));
      else
        TRY(copy_sealed(name, segment.name));
    }
    return {};
  }

  // What is there and not here was never ours, or is not any more.
  Result<> check_names(const LedgerView& view) const {
    std::vector<std::string> ours;
    for (const SegmentView& one : view.segments) ours.push_back(name_in_copy(view, one));
    for (const auto& [name, file] : there_)
      if (name.starts_with(kFolder) && std::ranges::find(ours, name) == ours.end())
        return copy_differs(name);
    return {};
  }

  Result<> copy_sealed(const std::string& name, const std::string& segment) {
    const platform::Path from = copy_.from_ / copy_.name_ / segment;
    TRY_ASSIGN(const auto info, copy_.files_.info(from));
    const CopiedFile* const there = find(name);
    if (there != nullptr && there->size == info.size) return {};  // checkpoints hold it
    TRY_ASSIGN(const auto ours, copy_.files_.open_read(from));
    return copy_growing(name, *ours, info.size);
  }

  // The file that is open must be the one that the view speaks of, whatever is renamed meanwhile.
  Result<> copy_current(const std::string& name, const SegmentView& segment, const Ledger& ledger) {
    if (segment.size.count == 0) return {};
    const size_t segments = ledger.view()->segments.size();
    TRY_ASSIGN(const auto ours,
               copy_.files_.open_read(copy_.from_ / copy_.name_ / kCurrentSegment));
    TRY_ASSIGN(const Bytes size, ours->size());
    const LedgerViewPtr now = ledger.view();
    const bool same = now->segments.size() == segments && size >= now->segments.back().size &&
                      now->segments.back().size >= segment.size;
    return same ? copy_growing(name, *ours, segment.size) : Result<>(fail(sealed_meanwhile()));
  }

  // What is there must begin ours, and then is its first `size` bytes.
  Result<> copy_growing(const std::string& name, const platform::ReadableFile& ours, Bytes size) {
    if (const CopiedFile* const there = find(name)) {
      if (there->size > size) return copy_differs(name);
      if (!is_known(*there)) TRY(compare_bytes(*there, ours));
      copy_.known_[name] = there->tag;
      if (there->size == size) return {};
    }
    TRY_ASSIGN(CopiedFile sent, place_.put(name, ours, size));
    copy_.known_[name] = sent.tag;
    there_[name] = std::move(sent);
    return {};
  }

  Result<> compare_bytes(const CopiedFile& there, const platform::ReadableFile& ours) {
    if (there.size.count == 0) return {};
    TRY_ASSIGN(const auto theirs, place_.open(there.name));
    TRY_ASSIGN(const bool alike, begin_alike(ours, *theirs, there.size, stop_));
    return alike ? Result<>() : Result<>(copy_differs(there.name));
  }

  // There is none as long as no key could be made. It is derived, and replaced.
  Result<> copy_key() {
    const auto ours = copy_.files_.open_read(copy_.from_ / kPublicKey);
    if (!ours && ours.error().code() == ErrorCode::file_not_found) return {};
    if (!ours) return fail(ours.error());
    TRY_ASSIGN(const std::string text, platform::read_file(**ours, kPublicKey, kMaxCheckpointLine));
    const CopiedFile* const there = find(kPublicKey);
    const auto sent = copy_.known_.find(kPublicKey);
    const std::string now = (there == nullptr ? "" : there->tag) + " " + sha256_hex(text);
    if (there != nullptr && sent != copy_.known_.end() && sent->second == now) return {};
    TRY_ASSIGN(const CopiedFile put, place_.put(kPublicKey, **ours, Bytes{text.size()}));
    copy_.known_[kPublicKey] = put.tag + " " + sha256_hex(text);
    return {};
  }

  StoreCopy& copy_;
  CopyPlace& place_;
  const std::stop_token stop_;
  std::map<std::string, CopiedFile> there_;
  Mark newest_sent_;
};

StoreCopy::StoreCopy(platform::FileSystem& files, const platform::Path& folder,
                     const std::string& where, OpenPlace open, const platform::Clock& clock)
    : files_(files),
      from_(folder.parent_path()),
      name_(folder.filename()),
      open_(std::move(open)),
      progress_(where, clock, true) {}

Result<> StoreCopy::update(Ledger& ledger, const Checkpoints& checkpoints,
                           const std::stop_token& stop) {
  progress_.begin();
  const auto place = open_(stop);
  if (place && !*place) {
    progress_.wait();
    return {};
  }
  const uint64_t size = checkpoints.newest().seq;
  const auto copied =
      place ? Update(*this, **place, stop).run(ledger, checkpoints) : Result<>(fail(place.error()));
  if (copied)
    progress_.done(size);
  else
    progress_.failed(copied.error());
  return copied;
}

}  // namespace vigie::ledger
