// What a process that died left in state.db. For tests.
#pragma once

#include "jobs/run_store.h"

namespace vigie::jobs {

// A backup of `nightly` that was at work.
inline Result<> leave_a_running_row(const platform::Path& state_db, const RunId& id,
                                    SystemTime now) {
  RunRow row;
  row.id = id;
  row.job = "nightly";
  row.kind = "backup";
  row.created_at = now;
  TRY_ASSIGN(const auto store, RunStore::open(state_db));
  TRY(store->accept(row, std::nullopt));
  row.state = RunState::running;
  row.started_at = now;
  return store->save(row);
}

}  // namespace vigie::jobs
