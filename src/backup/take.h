// One backup of one database, from preflight to the published artefact. Whatever happens, there is
// afterwards either a whole artefact or none.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "artefact/recovery_card.h"
#include "backup/dump.h"
#include "backup/options.h"
#include "backup/preflight.h"
#include "backup/view.h"
#include "base/work.h"
#include "platform/clock.h"
#include "platform/postgres.h"
#include "platform/process.h"
#include "store/options.h"
#include "store/store.h"

namespace vigie::backup {

// The last drill that passed of a job and a database; nothing: there was none. Waits for nothing.
using LastDrillFn = std::function<std::optional<artefact::MeasuredDrill>(
    const std::string& job, const std::string& database)>;

// The outside world. Outlives the call.
struct TakeTools {
  platform::FileSystem& files;
  platform::ProcessRunner& processes;
  platform::PgConnector& postgres;
  const platform::Clock& clock;
  std::string vigie_version;
  LastDrillFn last_drill{};  // for the recovery card; may be empty
};

struct TakeRequest {
  const DatabaseOptions& database;
  const BackupJobOptions& job;
  store::Store& store;
  store::Reserve reserve;
  std::optional<ArtefactView> previous;  // the newest good one, for the estimate
  platform::Path staging;                // this run's own folder; need not exist; gone afterwards
  // An id that evidence speaks of is never given again, also when its artefact is gone: a new one
  // under it would be taken for one that was changed. None: all are free.
  std::function<bool(const BackupId&)> is_used;
};

struct Taken {
  ArtefactView artefact;
  artefact::Manifest manifest;
  DumpMeasures dump;
  std::vector<Error> warnings;
  int gave_way = 0;             // how often the dump was cancelled for those who waited
  bool watched = true;          // false: whether somebody waited could not be seen all the time
  bool check_gave_way = false;  // the source check was, and is not known
};

// Errors: those of preflight, of take_dump, dump_gave_way, space_reserve, source_rows_differ, and
// of the store.
Result<Taken> take_backup(const TakeRequest& request, const TakeTools& tools, const Work& work);

// Preflight alone, for the time before the window and for doctor: all findings. Errors: only when
// the source cannot be asked at all.
Result<std::vector<Finding>> preflight(const TakeRequest& request, const TakeTools& tools,
                                       const Work& work);

}  // namespace vigie::backup
