// What copies ask of the room whose artefacts they are copies of. The functions are thread-safe.
#pragma once

#include <functional>
#include <string>

#include "backup/catalogue.h"
#include "backup/read_hold.h"
#include "backup/room_tools.h"
#include "backup/setup.h"

namespace vigie::backup {

// What it refers to must outlive it.
struct Originals {
  const platform::Clock& clock;
  const Catalogue& catalogue;
  RecordFn record;
  RecordedFn recorded;
  WarnFn warn;
  std::function<SetupPtr()> setup;
  // Held against expiry as long as it is read. Errors: backup_not_found, store_*.
  std::function<Result<Reading>(const BackupId&, std::string reason, const CallLimits&)> read;
  std::function<Outcome(const BackupId&, const Work&)> verify;  // every byte of it
  std::function<void()> changed;                                // what is shown of copies is old
};

}  // namespace vigie::backup
