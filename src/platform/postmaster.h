// The server's own processes on this host.
#pragma once

#include <stop_token>

#include "base/time.h"
#include "platform/file_system.h"

namespace vigie::platform {

// The postmaster of a data folder, by its postmaster.pid. Errors: file_*, process_failed when that
// process is no PostgreSQL (any more).
Result<int> postmaster_of(FileSystem& files, const Path& data_folder);

// Sends `signal` to it; SIGKILL to it and to all that it has started, so that nothing of it writes
// any more. Error: process_failed.
Result<> signal_server(int postmaster, int signal);

// Frees the System V segment that a server in this folder has left when it was killed: it lasts
// until the next start there or of the machine, which has room for so many (SHMMNI, 4096).
// postmaster.pid names it (PostgreSQL's utils/pidfile.h). One that is in use, or of another user,
// stays.
void free_shared_memory(FileSystem& files, const Path& data_folder);

// Until it is gone. Errors: deadline_exceeded, cancelled.
Result<> wait_for_end(int pid, MonoTime deadline, const std::stop_token& stop);

}  // namespace vigie::platform
