// What a reload cannot apply: how the daemon is reached, and where its state lies.
#pragma once

#include <string>

#include "config/config.h"

namespace vigie::daemon {

// The parts of vigie.yaml that differ and that only a restart applies: "server", "state", both with
// a comma between them; empty: none. Pure.
std::string restart_parts(const config::Config& started_with, const config::Config& read);

}  // namespace vigie::daemon
