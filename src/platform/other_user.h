// PostgreSQL's server programs refuse to run as root: where this process is root, they run as
// somebody else, and their folder is his.
#pragma once

#include <string>

#include "platform/process.h"

namespace vigie::platform {

// The command, run as `user` by setpriv (util-linux); unchanged when this process is not root.
Command as_user(Command command, const std::string& user);

// Makes him the owner of a file or folder; does nothing when this process is not root. Errors:
// file_permission (there is no such user, or the file system does not take it).
Result<> give_to_user(const Path& path, const std::string& user);

}  // namespace vigie::platform
