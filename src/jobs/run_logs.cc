#include "jobs/run_logs.h"

#include <algorithm>
#include <vector>

#include "base/hash.h"

namespace vigie::jobs {
namespace {

using platform::Entry;
using platform::EntryKind;

constexpr std::string_view kCut =
    "{\"event\":\"log.cut\",\"msg\":\"no more is kept of this run\"}\n";

struct Aged {
  SystemTime modified;
  RunId run;
};

}  // namespace

RunLogs::RunLogs(platform::FileSystem& files, platform::Path folder, const platform::Clock& clock,
                 const platform::Scrubber& scrubber)
    : files_(files),
      folder_(std::move(folder)),
      clock_(clock),
      scrubber_(scrubber),
      kept_(files, LogFolders::of(folder_.parent_path()).kept) {}

void RunLogs::write(const RunId& run, platform::LogLevel level, std::string_view event,
                    std::string_view message, std::initializer_list<platform::LogField> fields) {
  const auto sink = [&](std::string_view line) { (void)append(run, line); };
  platform::Logger(sink, platform::LogLevel::debug, clock_, scrubber_)
      .write(level, event, message, fields);
}

// The line that goes beyond the bound is replaced by a last one that says so.
Result<> RunLogs::append(const RunId& run, std::string_view line) {
  const std::lock_guard lock(mutex_);
  TRY(files_.create_folder(folder_ / run.str(), 0700));
  const auto info = files_.info(path(run));
  const Bytes before = info ? info->size : Bytes{};
  const uint64_t room = kMostRunLog.count - kCut.size();
  if (before.count > room) return {};
  TRY_ASSIGN(const auto file, files_.open_append(path(run), 0600));
  TRY(file->append(as_bytes(before.count + line.size() > room ? kCut : line)));
  return file->close();
}

std::optional<platform::Path> RunLogs::find(const RunId& run) const {
  if (!is_run_name(run) || !files_.info(path(run))) return std::nullopt;
  return path(run).parent_path();
}

// A crash must not take back what evidence names: that would look like a change.
Result<LogDigest> RunLogs::digest_of(const RunId& run) {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(const std::string text, platform::read_file(files_, path(run), kMostRunLog));
  TRY_ASSIGN(const auto file, files_.open_append(path(run), 0600));
  TRY(file->sync());
  TRY(files_.sync_folder(path(run).parent_path()));
  TRY(files_.sync_folder(folder_));
  TRY(files_.sync_folder(folder_.parent_path()));  // the first run's has made the folder itself
  return LogDigest{{text.size()}, sha256_hex(text)};
}

std::optional<LogDigest> RunLogs::digest(const RunId& run) {
  if (!is_run_name(run) || !files_.info(path(run))) return std::nullopt;
  auto digest = digest_of(run);
  return digest && digest->bytes.count > 0 ? std::optional(std::move(*digest)) : std::nullopt;
}

Result<> RunLogs::put_away(const RunId& run) {
  const auto text = platform::read_file(files_, path(run), kMostRunLog);
  if (text) TRY(kept_.keep(run, *text));
  const bool gone = !text && text.error().code() == ErrorCode::file_not_found;
  if (!text && !gone) return fail(text.error());
  return platform::remove_tree(files_, folder_ / run.str());
}

// By the last line of each: one that is at work is not put away.
Result<> RunLogs::retain(size_t keep) {
  const auto entries = files_.list(folder_);
  if (!entries && entries.error().code() == ErrorCode::file_not_found) return {};
  if (!entries) return fail(entries.error());
  if (entries->size() <= keep) return {};
  std::vector<Aged> all;
  for (const Entry& one : *entries) {
    const RunId run(one.name);
    if (one.kind != EntryKind::folder || !is_run_name(run)) continue;
    const auto info = files_.info(path(run));
    all.push_back({info ? info->modified : SystemTime(), run});
  }
  std::ranges::sort(all, {}, &Aged::modified);
  for (size_t i = 0; i + keep < all.size(); ++i) TRY(put_away(all[i].run));
  return {};
}

}  // namespace vigie::jobs
