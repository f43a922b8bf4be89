// The routes of the API in this process, for a command that finds no daemon: the same wiring,
// without sockets and schedules.
#pragma once

#include <memory>

#include "cli/backend.h"
#include "daemon/wiring.h"

namespace vigie::daemon {

// Opens the wiring (and so takes the lock). Whoever runs it owns the state folder, and is admin.
Result<std::unique_ptr<cli::Backend>> open_alone(World world, const config::Config& config,
                                                 platform::Path config_path);

}  // namespace vigie::daemon
