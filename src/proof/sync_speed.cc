#include "proof/sync_speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "platform/file_system_kind.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;

constexpr auto kAtMost = 2s;
constexpr size_t kMostSyncs = 200;
constexpr std::array<unsigned char, 8 << 10> kPage{};

Result<std::vector<Duration>> timed_syncs(platform::WritableFile& file,
                                          const platform::Clock& clock,
                                          const std::stop_token& stop) {
  std::vector<Duration> times;
  const MonoTime until = clock.monotonic() + kAtMost;
  while (times.size() < kMostSyncs && clock.monotonic() < until) {
    if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    TRY(file.append(kPage));
    const MonoTime began = clock.monotonic();
    TRY(file.sync());
    times.push_back(std::chrono::duration_cast<Duration>(clock.monotonic() - began));
  }
  return times;
}

// A data folder may be a link: where that leads only who may enter it can see.
Result<platform::FileInfo> info_of(platform::FileSystem& files, const platform::Path& folder) {
  auto within = files.info(folder / ".");
  if (within) return within;
  auto itself = files.info(folder);
  return itself && itself->kind == platform::EntryKind::link ? within : itself;
}

// A server in a container, or whose folder this user may not see, is elsewhere as far as is known.
bool lies_beside(const ServerSettings& settings, platform::FileSystem& files,
                 const platform::Path& folder) {
  if (!settings.on_this_host || settings.data_directory.empty()) return false;
  const auto data = info_of(files, settings.data_directory);
  const auto ours = info_of(files, folder);
  return data && ours && data->device == ours->device;
}

}  // namespace

Result<SyncSpeed> sync_speed(platform::FileSystem& files, const platform::Path& folder,
                             const platform::Clock& clock, const std::stop_token& stop) {
  const platform::Path path = folder / ".sync-speed";
  (void)files.remove_file(path);  // of a process that was killed meanwhile
  TRY_ASSIGN(auto file, files.create(path));
  auto times = timed_syncs(*file, clock, stop);
  file.reset();
  TRY(files.remove_file(path));
  if (!times) return fail(times.error());
  if (times->empty())
    return fail(ErrorCode::file_io, {{"path", path.string()}, {"reason", "no sync ended"}});
  const auto middle = times->begin() + static_cast<std::ptrdiff_t>(times->size() / 2);
  std::ranges::nth_element(*times, middle);
  return SyncSpeed{*middle, times->size()};
}

std::optional<std::string> what_shared_disk_says(const ServerSettings& settings,
                                                 platform::FileSystem& files,
                                                 const platform::Path& folder) {
  if (!lies_beside(settings, files, folder)) return std::nullopt;
  return "the log of acknowledged rows lies on the file system of the server's data: a disk that "
         "forgets what it said was written can forget both, and then no row is missed";
}

std::vector<std::string> what_sync_speed_says(const SyncSpeed& speed,
                                              const ServerSettings& settings,
                                              platform::FileSystem& files,
                                              const platform::Path& folder) {
  std::vector<std::string> words;
  const bool forgets = platform::unusual_file_system(folder) == "tmpfs";
  if (speed.median < kFastestSync && !forgets)
    words.push_back(fmt::format(
        "the disk below the state folder says after {} µs that it has written, faster than a disk "
        "can: it, or what is between, does not write when it is told to",
        speed.median.count()));
  if (!lies_beside(settings, files, folder))
    words.emplace_back(
        "how fast the disk of the server's data syncs could not be verified: it cannot be seen "
        "from here, or is another one than the state folder's");
  return words;
}

}  // namespace vigie::proof
