// The roles of a backup, made on another server as far as they are not there.
#pragma once

#include "base/work.h"
#include "platform/file_system.h"
#include "proof/target.h"

namespace vigie::proof {

struct RolesRestored {
  size_t made = 0;
  size_t kept = 0;  // that were there: nothing of them is changed
};

// `script` is what pg_dumpall --globals-only wrote. A role that exists stays as it is, whatever the
// script says of it; tablespaces are left out. Memberships and settings are only of roles that were
// made. Errors: sql_unreadable, limit_exceeded, database_*.
Result<RolesRestored> restore_globals(platform::FileSystem& files, const platform::Path& script,
                                      Target& target, const Work& work);

}  // namespace vigie::proof
