// The routes of the API in this process, for a command that finds no daemon: the same wiring,
// without sockets and schedules.
#pragma once

#include <memory>

#include "cli/backend.h"
#include "daemon/wiring.h"

namespace vigie::daemon {

// Opens the wiring, which takes the lock when it is to write. Whoever runs it is admin. `stop` ends
// the comparing of the catalogue with the stores. `left_behind` becomes true when a store's file
// system hangs: then a thread is still in it, and the process must leave by _Exit().
Result<std::unique_ptr<cli::Backend>> open_alone(World world, const config::Config& config,
                                                 cli::Access access, std::stop_token stop,
                                                 bool& left_behind);

}  // namespace vigie::daemon
