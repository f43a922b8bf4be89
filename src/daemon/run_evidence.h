// The entry of the ledger that says how a run ended.
//
// The work of a run leaves entries of its own, one for each of its parts (a backup, a verification,
// an expiry). When one of them tells how the run ended, that is enough. Else the end has exactly
// one entry, whatever crashed in between: a run that never began, was stopped, ended with its
// process, or failed in a way that none of its parts tells.
#pragma once

#include "jobs/run.h"
#include "ledger/ledger.h"

namespace vigie::daemon {

// Who asked that a run be cancelled, and under which correlation id.
struct Cancellation {
  jobs::RunTrigger who{};
  CorrelationId correlation_id{};
};
inline constexpr std::string_view kCancelCorrelationId = "cancel_correlation_id";  // in `subject`

// Durable when it returns. Errors: those of Ledger::append and Ledger::for_each. `cancelled` is who
// asked that it be cancelled; what no part of it can tell.
Result<> record_end(ledger::Ledger& ledger, const jobs::RunRow& row,
                    const std::optional<Cancellation>& cancelled = {});

// The same for a run of a process that is gone, given as interrupted. When the ledger knows how it
// ended, the row is made to say that.
Result<> record_found(ledger::Ledger& ledger, jobs::RunRow& row);

}  // namespace vigie::daemon
