// Named failpoints: places at which a test makes the program die. Compiled in only with
// VIGIE_FAILPOINTS (never in a release). The environment variable VIGIE_FAILPOINTS of the process
// holds "name=kill" or "name=kill@3" (the third time), several separated by commas.
//
// Failures of the file system (ENOSPC, EIO, bytes that were never synced) are injected below
// FileSystem instead.
#pragma once

#include <string_view>

namespace vigie::platform {

#ifdef VIGIE_FAILPOINTS
// Kills this process with SIGKILL when `name` is armed.
void failpoint(std::string_view name);
#else
inline void failpoint(std::string_view) {}
#endif

}  // namespace vigie::platform
