// Drills that are due or that somebody asks for, in the words of the rooms.
#pragma once

#include <optional>
#include <vector>

#include "api/services.h"
#include "backup/room.h"
#include "config/config.h"
#include "jobs/executor.h"
#include "proof/room.h"

namespace vigie::daemon {

// What the proof room knows of the configured drills.
std::vector<proof::DrillPlanView> drill_plans(const config::Config& config);

// The good backups of a job and database, one of which is restored; nothing: there is none. `from`:
// its good copies in that store; empty: those of the job's own. Pure but for `random`.
std::optional<BackupId> picked(const backup::BackupsView& view, const std::string& job,
                               const std::string& database, proof::Pick pick,
                               const std::string& from = {});

// The newest drill that passed, of whichever name, of a backup of this job and database.
std::optional<artefact::MeasuredDrill> last_measured(const proof::ProofView& view,
                                                     const std::string& job,
                                                     const std::string& database);

// Everything that one run of a drill does: each of its databases, one after another. `folder` is
// the run's own.
jobs::RunOutcome run_drill(backup::BackupRoom& backups, proof::ProofRoom& proofs,
                           const config::Config& config, const config::Drill& drill,
                           const api::DrillAsk& ask, const platform::Path& folder,
                           const Work& work);

}  // namespace vigie::daemon
