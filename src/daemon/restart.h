// What a reload cannot apply: how the daemon is reached, where its state lies, and where its
// evidence is copied to.
#pragma once

#include <string>

#include "config/config.h"

namespace vigie::daemon {

// The parts of vigie.yaml that differ and that only a restart applies: "server", "state",
// "evidence", with commas between them; empty: none. Pure.
std::string restart_parts(const config::Config& started_with, const config::Config& read);

}  // namespace vigie::daemon
