// What a database holds beside its rows: its objects, counted by kind and named by one hash, read
// from the catalogs alone and without a lock on any table. The same question is put to the source
// under the dump's snapshot and to what was restored from it.
#pragma once

#include <vector>

#include "artefact/manifest.h"
#include "platform/postgres.h"

namespace vigie::artefact {

// Sorted by kind; kinds of which there is nothing are there with 0. Errors: database_*, cancelled.
Result<std::vector<ObjectCount>> read_inventory(platform::PgConnection& session,
                                                const CallLimits& limits);

}  // namespace vigie::artefact
