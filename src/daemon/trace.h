// The chain of one correlation id, or of one run: runs and entries of the ledger, in order of time.
// With the runs that were cancelled under that id, and the entries of their ends.
#pragma once

#include <stop_token>

#include "jobs/executor.h"
#include "ledger/ledger.h"

namespace vigie::daemon {

// {items: [{at, what, id, result, detail}], next_cursor: null}. Error: run_not_found when nothing
// carries the id.
Result<json::object> trace_of(const CorrelationId& id, const jobs::Executor& executor,
                              const ledger::Ledger& ledger, std::stop_token stop);

}  // namespace vigie::daemon
