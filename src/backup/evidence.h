// The entries that this room writes into the ledger.
#pragma once

#include <vector>

#include "artefact/verify.h"
#include "backup/expire.h"
#include "backup/take.h"
#include "base/work.h"
#include "ledger/entry.h"

namespace vigie::backup::evidence {

// What all entries of one piece of work have in common.
ledger::Entry entry(std::string_view kind, const Work& work, SystemTime started_at,
                    SystemTime ended_at);

ledger::Entry taken(const Taken& taken, const Work& work, SystemTime started_at);
ledger::Entry not_taken(std::string_view job, std::string_view database, const Error& error,
                        const Work& work, SystemTime started_at, SystemTime ended_at);
ledger::Entry verified(const ArtefactView& artefact, VerifyMode mode,
                       const artefact::VerifyReport& report, const Work& work,
                       SystemTime started_at, SystemTime ended_at);
// `expired` are those that are gone; `error` is why not all of them.
ledger::Entry pruned(std::string_view job, std::string_view database,
                     const std::vector<ArtefactView>& expired, size_t kept,
                     const std::optional<Error>& error, const Work& work, SystemTime started_at,
                     SystemTime ended_at);
// Its manifest is gone from the store.
Error lost(const ArtefactView& artefact);
// A human act on one artefact, or something found at the start.
ledger::Entry about(std::string_view kind, const BackupId& id, const Work& work, SystemTime now);

}  // namespace vigie::backup::evidence
