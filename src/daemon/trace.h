// The chain of one correlation id, or of one run, in order of time: who asked, the runs and what
// they logged, the artefacts and the entries of the ledger. With the runs that were cancelled under
// that id, and the entries of their ends.
#pragma once

#include <stop_token>

#include "jobs/executor.h"
#include "ledger/ledger.h"

namespace vigie::daemon {

struct TraceSources {
  const jobs::Executor& executor;
  const ledger::Ledger& ledger;
  platform::FileSystem& files;
  platform::Path state;  // the folder; of the logs of runs
  // Logs name paths, hosts and what programs said: for operators only.
  Audience audience = Audience::everybody;
};

// {items: [{at, what, id, result, detail}], next_cursor: null}; at most 2,000 items, of which 500
// are lines of logs. Errors: trace_not_found when nothing carries the id; those of the ledger.
Result<json::object> trace_of(const CorrelationId& id, const TraceSources& sources,
                              const std::stop_token& stop);

}  // namespace vigie::daemon
