#include "ledger/segments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <span>

#include "ledger/line.h"

namespace vigie::ledger {
namespace {

constexpr std::string_view kPrefix = "ledger-";
constexpr std::string_view kSuffix = ".jsonl";
constexpr size_t kBuffer = 1 << 20;
static_assert(kBuffer > kMaxLine.count);

// Cuts a stream of bytes into lines; remembers what of a line came with the bytes before.
class Cutter {
 public:
  explicit Cutter(const std::function<void(const RawLine&)>& visit) : visit_(visit) {}

  // Takes whole lines from the front of `bytes`; returns how many bytes it is done with.
  size_t take(std::string_view bytes) {
    size_t at = 0;
    while (true) {
      const size_t end = bytes.find('\n', at);
      if (end == std::string_view::npos) break;
      line(bytes.substr(at, end - at));
      at = end + 1;
    }
    const size_t rest = bytes.size() - at;
    if (rest <= kMaxLine.count) return at;
    swallowed_ += rest;  // too long already: only its end matters
    return bytes.size();
  }
  uint64_t whole() const { return offset_; }
  uint64_t swallowed() const { return swallowed_; }

 private:
  void line(std::string_view text) {
    const bool too_long = swallowed_ > 0 || text.size() > kMaxLine.count;
    const uint64_t length = swallowed_ + text.size();
    visit_({++number_, offset_, length, too_long ? std::string_view() : text, too_long});
    offset_ += length + 1;
    swallowed_ = 0;
  }

  const std::function<void(const RawLine&)>& visit_;
  uint64_t number_ = 0;
  uint64_t offset_ = 0;     // of the line at work
  uint64_t swallowed_ = 0;  // bytes of it that are gone
};

}  // namespace

std::string sealed_name(uint64_t number) {
  return fmt::format("{}{:06}{}", kPrefix, number, kSuffix);
}

uint64_t sealed_number(std::string_view name) {
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return 0;
  uint64_t number = 0;
  const char* const start = name.data() + kPrefix.size();
  const char* const stop = name.data() + name.size() - kSuffix.size();
  if (start >= stop) return 0;
  const auto [end, error] = std::from_chars(start, stop, number);
  const bool is =
      error == std::errc() && end == stop && number <= kMaxSegment && sealed_name(number) == name;
  return is ? number : 0;
}

Result<SegmentNames> list_segments(platform::FileSystem& files, const platform::Path& folder) {
  SegmentNames names;
  TRY_ASSIGN(const auto entries, files.list(folder));
  for (const platform::Entry& entry : entries) {
    if (entry.kind != platform::EntryKind::file) continue;
    if (entry.name == kCurrentSegment) names.current = true;
    if (const uint64_t number = sealed_number(entry.name)) {
      names.sealed.push_back(entry.name);
      names.last_number = std::max(names.last_number, number);
    }
  }
  std::ranges::sort(names.sealed, {}, sealed_number);
  return names;
}

Result<Scanned> scan_lines(const platform::ReadableFile& file,
                           const std::function<void(const RawLine&)>& visit, std::stop_token stop) {
  const auto memory = std::make_unique_for_overwrite<unsigned char[]>(kBuffer);
  const std::span<unsigned char> buffer(memory.get(), kBuffer);
  Cutter cutter(visit);
  uint64_t offset = 0;
  size_t kept = 0;  // bytes of an unfinished line at the front of the buffer
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
    TRY_ASSIGN(const size_t got, file.read_at(offset, buffer.subspan(kept)));
    offset += got;
    const size_t have = kept + got;
    const size_t done = cutter.take({reinterpret_cast<const char*>(buffer.data()), have});
    kept = have - done;
    std::memmove(buffer.data(), buffer.data() + done, kept);
    if (got == 0) break;
  }
  const bool too_long = cutter.swallowed() > 0 || kept > kMaxLine.count;
  const std::string_view torn(reinterpret_cast<const char*>(buffer.data()), too_long ? 0 : kept);
  return Scanned{{cutter.whole()}, {cutter.swallowed() + kept}, std::string(torn)};
}

}  // namespace vigie::ledger
