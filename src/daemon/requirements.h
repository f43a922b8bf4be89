// What the configuration asks evidence about, for the matrix of requirements.
#pragma once

#include "api/services.h"
#include "config/config.h"
#include "ledger/matrix.h"

namespace vigie::daemon {

// A job may be as slow as its own rpo_target. Drills and proofs may not be slower than the
// requirement asks for: to plan them seldom is no reason to trust them longer.
ledger::MatrixPlanPtr matrix_plan(const config::Config& config);

// What somebody else has found, as an entry. Kinds that only Vigie itself can know are refused, and
// so is what no requirement asks for. Errors: http_invalid_parameter, requirement_not_found.
Result<ledger::Entry> reported_entry(const api::EvidenceReport& report,
                                     const api::CallContext& context,
                                     const ledger::MatrixPlan& plan, SystemTime now);

}  // namespace vigie::daemon
