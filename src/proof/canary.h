// Damage put before the checks on purpose. In the stored bytes: one flipped bit, a file that is cut
// off, a file that is missing, a table's last row taken out and every checksum made anew. In the
// restored database: a row removed, a table removed. Each must be refused, by the very functions
// that have just passed the backup; what was not refused is an assertion that failed.
#pragma once

#include <string>
#include <vector>

#include "artefact/manifest.h"
#include "ledger/entry.h"
#include "proof/restore.h"

namespace vigie::proof {

struct DrillRequest;

// `database` holds what was restored; a table is missing in it afterwards. Errors: cancelled,
// deadline_exceeded, database_*.
Result<std::vector<ledger::Assertion>> put_canaries(const DrillRequest& request,
                                                    const artefact::Manifest& manifest,
                                                    const platform::Dsn& database,
                                                    const RestoreTools& tools, const Work& work);

}  // namespace vigie::proof
