// What the ledger holds of one artefact: it outlives the catalogue, and the state folder when it is
// copied.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup/view.h"
#include "ledger/ledger.h"

namespace vigie::backup {

// An error is no answer: then nobody knows, and nothing may be called good.
struct LedgerMemory {
  // The SHA-256 of its manifest; nothing when the ledger has never heard of it. What was recovered
  // counts only when it was found whole.
  std::function<Result<std::optional<std::string>>(const BackupId&)> manifest;
  // Every verification of it, oldest first.
  std::function<Result<std::vector<Verification>>(const BackupId&)> verifications;
  // Whether an entry names it among what has expired.
  std::function<Result<bool>(const BackupId&)> expiry;
};

// `ledger` must outlive it. Errors: those of Ledger::for_each.
LedgerMemory memory_of(const ledger::Ledger& ledger);

}  // namespace vigie::backup
