// What is left of an attempt that did not become an artefact.
#pragma once

#include "platform/clock.h"
#include "store/store.h"

namespace vigie::store {

// Removes what was written, unless its manifest is there after all, or nobody can say. With limits
// of its own: what stopped the attempt does not stop this. Best effort: what stays is debris.
void discard_unpublished(ArtefactWriter& writer, const Store& store, const BackupId& id,
                         const platform::Clock& clock);

}  // namespace vigie::store
