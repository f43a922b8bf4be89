// Reading an artefact again where it lies: the original, or a copy of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artefact/verify.h"
#include "backup/setup.h"
#include "backup/view.h"
#include "base/work.h"
#include "platform/clock.h"

namespace vigie::backup {

struct VerifyStored {
  const StoreSetup& store;  // where it lies
  BackupId id;
  std::string manifest_sha256;        // as recorded; empty: nobody knows whether it is that one
  std::string_view phase = "verify";  // of the progress
  VerifyMode mode = VerifyMode::full;
};

// Ends with the work. Errors: backup_not_found (also when it has vanished meanwhile), those of the
// store, cancelled, deadline_exceeded: they say nothing of the artefact.
Result<artefact::VerifyReport> verify_stored(const VerifyStored& what, const platform::Clock& clock,
                                             const Work& work);

// The finding that the verdict comes from; nothing when it passed without any.
std::optional<Error> reason_of(const artefact::VerifyReport& report);

}  // namespace vigie::backup
