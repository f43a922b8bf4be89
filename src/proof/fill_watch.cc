#include "proof/fill_watch.h"

#include <algorithm>
#include <unordered_set>

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using artefact::FileEntry;
using artefact::FileKind;

constexpr Duration kTick = 1s;
constexpr Duration kLongestRest = 30s;
constexpr Duration kLookLimit = 10s;  // with the connection that it may need
constexpr int kRestsFor = 10;         // looks: the server asks for the size of each file at each

bool holds_rows(const FileEntry& file) {
  return file.kind == FileKind::data || file.kind == FileKind::blob;
}

template <class Wanted>
Bytes raw_of(const artefact::Manifest& manifest, Wanted wanted) {
  Bytes sum;
  for (const FileEntry& file : manifest.files)
    if (wanted(file)) sum += file.raw;
  return sum;
}

}  // namespace

Bytes expected_growth(const artefact::Manifest& manifest,
                      const std::vector<const artefact::TableEntry*>& tables, Bytes empty) {
  std::unordered_set<std::string_view> names;
  for (const artefact::TableEntry* one : tables) names.insert(one->file);
  const Bytes all = raw_of(manifest, holds_rows);
  const Bytes wanted =
      tables.size() == manifest.tables.size()
          ? all
          : raw_of(manifest, [&](const FileEntry& file) { return names.contains(file.name); });
  const Bytes source = manifest.server.database_size;
  if (source <= empty) return wanted;
  const double share =
      wanted == all ? 1 : static_cast<double>(wanted.count) / static_cast<double>(all.count);
  return {static_cast<uint64_t>(share * static_cast<double>(source.count - empty.count))};
}

FillWatch::FillWatch(const Target& target, std::string database, const platform::Clock& clock,
                     Guess guess, Report report, const std::stop_token& stop)
    : target_(target),
      database_(std::move(database)),
      clock_(clock),
      guess_(std::move(guess)),
      report_(std::move(report)) {
  (void)look(stop);
  thread_ = std::jthread([this](const std::stop_token& end) { watch(end); });
}

void FillWatch::watch(const std::stop_token& stop) {
  Duration rest = kTick;
  while (clock_.sleep_until(clock_.monotonic() + rest, stop)) rest = look_and_rest(rest, stop);
}

// How long it is to rest then.
Duration FillWatch::look_and_rest(Duration rested, const std::stop_token& stop) {
  const MonoTime began = clock_.monotonic();
  if (!look(stop)) return std::min(rested * 2, kLongestRest);
  const auto took = std::chrono::duration_cast<Duration>(clock_.monotonic() - began);
  return std::clamp(took * kRestsFor, kTick, kLongestRest);
}

// False: it could not.
bool FillWatch::look(const std::stop_token& stop) {
  const CallLimits limits{clock_.monotonic() + kLookLimit, stop};
  if (!session_) {
    auto opened = target_.connect(limits);
    if (!opened) return false;
    session_ = std::move(*opened);
  }
  const auto rows = session_->query("select pg_database_size($1::name)", {database_}, limits);
  if (!rows) {
    session_.reset();
    return false;
  }
  take({static_cast<uint64_t>((*rows)->integer(0, 0))});
  return true;
}

void FillWatch::take(Bytes size) {
  if (!empty_) {
    empty_ = size;
    guessed_ = guess_(size);
  }
  if (size > *empty_) grown_ = std::max(grown_, Bytes{size.count - empty_->count});
  report_(grown_, grown_ < guessed_ ? std::optional(guessed_) : std::nullopt);
}

}  // namespace vigie::proof
