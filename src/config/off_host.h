// Whether what lies in a store outlives this host.
#pragma once

#include <string_view>

#include "config/config.h"

namespace vigie::config {

// As the configuration says; false when it names no such store.
inline bool is_off_host(const Config& config, std::string_view store) {
  const store::StoreOptions* const found = config.store(store);
  return found != nullptr && found->off_host;
}

}  // namespace vigie::config
