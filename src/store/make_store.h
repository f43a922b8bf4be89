// The driver that a store of vigie.yaml asks for.
#pragma once

#include <memory>

#include "platform/clock.h"
#include "platform/file_system.h"
#include "store/options.h"
#include "store/store.h"

namespace vigie::store {

// `files` and `clock` must outlive it. Connects to nothing.
std::shared_ptr<Store> make_store(const StoreOptions& options, platform::FileSystem& files,
                                  const platform::Clock& clock);

}  // namespace vigie::store
