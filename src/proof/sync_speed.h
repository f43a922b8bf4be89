// How fast the disk says that it has written: one that answers faster than a disk can has lied, or
// has a cache that outlives a loss of power. It makes no verdict; it is said.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/clock.h"
#include "platform/file_system.h"
#include "proof/server_settings.h"

namespace vigie::proof {

// Each sync follows 8 KiB that lengthen a file: the disk must take these, and the file system's
// note of them.
struct SyncSpeed {
  Duration median{};
  size_t count = 0;
};

// Faster than this no disk has been: the fastest with a cache that is safe need some 40 µs for the
// two writes, through the kernel's block layer.
inline constexpr Duration kFastestSync{30};

// In a file of `folder` that goes afterwards, for two seconds or 200 syncs. Errors: file_*,
// cancelled.
Result<SyncSpeed> sync_speed(platform::FileSystem& files, const platform::Path& folder,
                             const platform::Clock& clock, const std::stop_token& stop);

// For the deviations where the machine was restarted, since a killed process takes nothing from a
// disk's cache: the log of acknowledged rows in `folder` lies where the server's data does.
// Nothing when it does not, or when where the data lies cannot be seen.
std::optional<std::string> what_shared_disk_says(const ServerSettings& settings,
                                                 platform::FileSystem& files,
                                                 const platform::Path& folder);

// In words, for the deviations: that it is suspiciously fast, and whether the server's data lies on
// another file system, of which it says nothing.
std::vector<std::string> what_sync_speed_says(const SyncSpeed& speed,
                                              const ServerSettings& settings,
                                              platform::FileSystem& files,
                                              const platform::Path& folder);

}  // namespace vigie::proof
