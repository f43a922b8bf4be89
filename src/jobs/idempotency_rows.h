// Idempotency keys as rows of state.db (docs/formats/state-db-1.md).
#pragma once

#include <optional>

#include "jobs/idempotency.h"
#include "platform/sqlite.h"

namespace vigie::jobs {

// The run that the key started; nothing when the key is new. Errors: idempotency_mismatch when it
// came with another request; those of Sqlite.
Result<std::optional<RunId>> find_key(platform::Sqlite& db, const IdempotencyKey& key,
                                      SystemTime now);
// Forgets expired keys, then keeps this one. Errors: queue_full, those of Sqlite.
Result<> keep_key(platform::Sqlite& db, const IdempotencyKey& key, const RunId& run, SystemTime now,
                  size_t limit = kIdempotencyKeys);

}  // namespace vigie::jobs
