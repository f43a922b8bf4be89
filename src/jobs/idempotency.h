// The same Idempotency-Key does not run twice. A key belongs to one actor; it is kept in state.db,
// as a hash, in the transaction that writes the run's row.
#pragma once

#include <string>

#include "base/ids.h"
#include "base/time.h"

namespace vigie::jobs {

struct IdempotencyKey {
  std::string actor{};         // two actors' equal keys are two keys
  std::string key{};           // 1 to 128 printable characters, as the client sent it
  std::string request_hash{};  // of all that makes two requests the same
};

inline constexpr Duration kIdempotencyLifetime = std::chrono::hours(24);
// Unexpired keys at once. Beyond it a request that brings a new key is refused (queue_full),
// because forgetting an older one could run its work twice.
inline constexpr size_t kIdempotencyKeys = 10'000;

}  // namespace vigie::jobs
