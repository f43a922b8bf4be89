// A store as a place for a copy of the ledger: what `ledger` asks for, by what `store` offers.
#pragma once

#include <functional>
#include <string>

#include "backup/setup.h"
#include "ledger/store_copy.h"
#include "platform/clock.h"

namespace vigie::daemon {

// Asks for the setup each time: a reload makes another store of the same name. `clock` must outlive
// it. No place as long as the store is not configured, or nobody has marked it.
ledger::OpenPlace store_place(std::function<backup::SetupPtr()> setup, std::string store,
                              const platform::Clock& clock);

}  // namespace vigie::daemon
