// A restore that somebody asks for, in the words of the rooms.
#pragma once

#include <string>
#include <vector>

#include "api/services.h"
#include "backup/room.h"
#include "config/config.h"
#include "jobs/executor.h"
#include "proof/room.h"

namespace vigie::daemon {

// Whether it may be taken without being named.
bool is_good(const backup::BackupsView& view, const backup::ArtefactView& artefact);

// The backup that `text` names: an id, or the newest good one of JOB.DATABASE, of JOB, or of all
// ("latest"). Pure. Errors: backup_not_found; http_invalid_parameter when backups of several
// databases fit.
Result<BackupId> backup_named(const backup::BackupsView& view, std::string_view text);

// Where a restore goes, and with which programs.
struct RestoreTarget {
  platform::Dsn dsn;
  platform::Path bindir;
  std::vector<platform::Path> other_bindirs;  // of all databases, for a server that is none of them
  std::string database;                       // its name
};
// Errors: http_invalid_parameter.
Result<RestoreTarget> target_of(const api::RestoreAsk& ask, const config::Config& config);

// `folder` is the run's own.
Result<json::object> restore_backup(backup::BackupRoom& backups, proof::ProofRoom& proofs,
                                    const api::RestoreAsk& ask, const RestoreTarget& target,
                                    const BackupId& id, const platform::Path& folder,
                                    const Work& work);
// How its run ends: what was not found in the backup does not speak against it.
jobs::RunOutcome restore_outcome(Result<json::object> done);

}  // namespace vigie::daemon
