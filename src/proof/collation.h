// Whether a server sorts as the source of a backup did: where it does not, what is unique, or in
// its partition, need not be so there, and a good backup would seem to be bad.
#pragma once

#include "artefact/manifest.h"
#include "base/work.h"
#include "platform/postgres.h"

namespace vigie::proof {

// Of collations of the C library. Errors: restore_environment, with both versions; database_*,
// cancelled.
Result<> check_collation(platform::PgConnection& session, const artefact::Manifest& manifest,
                         const CallLimits& limits);

}  // namespace vigie::proof
