#include "jobs/run_logs.h"

#include <algorithm>
#include <vector>

namespace vigie::jobs {
namespace {

using platform::Entry;
using platform::EntryKind;

constexpr std::string_view kCut =
    "{\"event\":\"log.cut\",\"msg\":\"no more is kept of this run\"}\n";

struct Aged {
  SystemTime modified;
  platform::Path path;
};

}  // namespace

RunLogs::RunLogs(platform::FileSystem& files, platform::Path folder, const platform::Clock& clock,
                 const platform::Scrubber& scrubber)
    : files_(files), folder_(std::move(folder)), clock_(clock), scrubber_(scrubber) {}

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
  // An id comes from outside: only one that is a name may become a path.
  const bool name = run.str().size() == 32 &&
                    run.str().find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!name || !files_.info(path(run))) return std::nullopt;
  return path(run).parent_path();
}

Result<> RunLogs::retain(size_t keep) {
  const auto entries = files_.list(folder_);
  if (!entries && entries.error().code() == ErrorCode::file_not_found) return {};
  if (!entries) return fail(entries.error());
  if (entries->size() <= keep) return {};
  std::vector<Aged> all;
  for (const Entry& one : *entries) {
    if (one.kind != EntryKind::folder) continue;
    TRY_ASSIGN(const auto info, files_.info(folder_ / one.name));
    all.push_back({info.modified, folder_ / one.name});
  }
  std::ranges::sort(all, std::ranges::greater{}, &Aged::modified);
  for (size_t i = keep; i < all.size(); ++i) TRY(platform::remove_tree(files_, all[i].path));
  return {};
}

}  // namespace vigie::jobs
