// What kind of file system a path lies on, as far as that matters to whoever stores something.
#pragma once

#include <string_view>

#include "platform/file_system.h"

namespace vigie::platform {

// "tmpfs", "nfs", "cifs", …: one that forgets with the machine or the container, or whose disk is
// somewhere else. Empty: an ordinary one, or it cannot be seen. Follows links.
std::string_view unusual_file_system(const Path& path);

// The same of a number of statfs(2).
std::string_view unusual_file_system(long magic);

}  // namespace vigie::platform
