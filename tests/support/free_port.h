// A port of loopback for a peer that cannot choose one itself.
#pragma once

namespace vigie::testing {

// Of the system's choice, and free again when this returns. Throws std::runtime_error.
int free_port();

}  // namespace vigie::testing
