// Looks for damage in databases, in the words of the rooms.
#pragma once

#include <vector>

#include "config/config.h"
#include "jobs/executor.h"
#include "proof/room.h"

namespace vigie::daemon {

// What the proof room knows of the configured ones.
std::vector<proof::AmcheckPlanView> amcheck_plans(const config::Config& config);

// One run. `folder` is the run's own.
jobs::RunOutcome run_amcheck(proof::ProofRoom& proofs, const config::Config& config,
                             const config::Amcheck& amcheck, const platform::Path& folder,
                             const Work& work);

}  // namespace vigie::daemon
