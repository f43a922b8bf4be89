// `vigie serve`: the wiring with its sockets, its schedules and its signals.
#pragma once

#include "daemon/wiring.h"

namespace vigie::daemon {

// Runs until SIGTERM or SIGINT (which the caller has blocked in every thread); SIGHUP reloads. The
// exit status.
int serve(World world, const platform::Path& config_path);

}  // namespace vigie::daemon
