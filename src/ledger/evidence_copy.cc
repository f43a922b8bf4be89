#include "ledger/evidence_copy.h"

#include <algorithm>
#include <span>
#include <vector>

namespace vigie::ledger {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr std::string_view kCopy = "copy";  // where the checkpoints are that an error is of

std::string reason_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::checkpoint_invalid:
      return error.parameter("in") == kCopy ? "copy_differs" : "checkpoints_damaged";
    case ErrorCode::file_not_found:
    case ErrorCode::store_unreachable:
    case ErrorCode::deadline_exceeded:
      return "copy_missing";
    default:
      return "copy_failed";
  }
}

Result<bool> holds(const Ledger& ledger, const Mark& known, const std::stop_token& stop) {
  bool there = false;
  const auto look = [&](const json::object& entry) {
    const json::string* hash = find_string(entry, "entry_hash");
    there = hash != nullptr && std::string_view(*hash) == known.entry_hash;
    return false;
  };
  Filter filter;
  filter.after_seq = known.seq - 1;
  TRY(ledger.for_each(filter, look, stop));
  return there;
}

}  // namespace

CopyProgress::CopyProgress(std::string where, const platform::Clock& clock, bool waits)
    : clock_(clock) {
  standing_.view.folder = std::move(where);
  standing_.waits = waits;
}

void CopyProgress::begin() {
  const std::lock_guard lock(mutex_);
  standing_.view.busy_since = clock_.now();
}

void CopyProgress::saw(const Mark& newest, bool missing_here) {
  const std::lock_guard lock(mutex_);
  standing_.newest = newest;
  standing_.missing_here = missing_here;
}

void CopyProgress::wait() {
  const std::lock_guard lock(mutex_);
  standing_.view.busy_since.reset();
  standing_.waits = true;
  standing_.looked_at = clock_.now();
  standing_.view.reason.clear();
  standing_.view.failed_at.reset();
}

void CopyProgress::done(uint64_t size) {
  const std::lock_guard lock(mutex_);
  standing_.view.busy_since.reset();
  standing_.waits = false;
  standing_.view.size = size;
  standing_.view.copied_at = standing_.looked_at = clock_.now();
  standing_.view.reason.clear();
  standing_.view.failed_at.reset();
}

void CopyProgress::failed(const Error& why) {
  const std::lock_guard lock(mutex_);
  standing_.view.busy_since.reset();
  if (why.code() == ErrorCode::cancelled) return;
  standing_.waits = false;
  standing_.view.reason = reason_of(why);
  standing_.view.failed_at = clock_.now();
}

CopyStanding CopyProgress::standing() const {
  const std::lock_guard lock(mutex_);
  return standing_;
}

Result<bool> compare_with_copy(Ledger& ledger, const Checkpoints& checkpoints, const Mark& known,
                               const std::stop_token& stop) {
  TRY(ledger.compare_end(known, stop));
  if (known.seq <= checkpoints.newest().seq) return false;
  return holds(ledger, known, stop);
}

tl::unexpected<Error> copy_differs(const std::string& file) {
  return fail(ErrorCode::checkpoint_invalid,
              {{"size", "these"},
               {"in", std::string(kCopy)},
               {"reason", file + " in the copy is of another history"}});
}

Result<bool> begin_alike(const platform::ReadableFile& a, const platform::ReadableFile& b,
                         Bytes size, const std::stop_token& stop) {
  std::vector<unsigned char> memory(2 * std::min<uint64_t>(kChunk, size.count));
  const std::span all(memory);
  for (uint64_t at = 0; at < size.count; at += kChunk) {
    TRY(not_stopped(stop));
    const auto now = static_cast<size_t>(std::min<uint64_t>(kChunk, size.count - at));
    const auto first = all.first(now);
    const auto second = all.last(now);
    TRY_ASSIGN(const size_t got_a, a.read_at(at, first));
    TRY_ASSIGN(const size_t got_b, b.read_at(at, second));
    if (got_a != now || got_b != now || !std::ranges::equal(first, second)) return false;
  }
  return true;
}

Result<> not_stopped(const std::stop_token& stop) {
  if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
  return {};
}

}  // namespace vigie::ledger
