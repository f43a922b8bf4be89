// From what vigie.yaml says to what the engine takes.
#pragma once

#include <vector>

#include "api/options.h"
#include "api/server.h"
#include "platform/file_system.h"

namespace vigie::api {

EngineLimits engine_limits(const ServerOptions& options);

// What the configuration names, and the operator's socket (vigie.sock in the state folder, 0600:
// the folder itself is 0700, and the peer's credentials decide). A socket that the configuration
// names trusts nobody by his uid: a proxy in front of it may run as root.
std::vector<ListenOn> listen_on(const ServerOptions& options,
                                const platform::Path& operator_socket);

}  // namespace vigie::api
