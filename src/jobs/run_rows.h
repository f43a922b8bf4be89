// Runs as rows of state.db (docs/formats/state-db-1.md). Errors: those of Sqlite.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "jobs/run.h"
#include "platform/sqlite.h"

namespace vigie::jobs {

// The newest runs of one job and kind.
struct LastRuns {
  std::optional<RunRow> success;
  std::optional<RunRow> attempt;  // that ended
};

// The steps of the whole room's schema.
std::span<const platform::Migration> state_migrations();

// Bytes of a result as JSON: 1,000 databases with several warnings each. A longer one is none.
inline constexpr size_t kMaxResult = 1 << 20;

Result<> insert_run(platform::Sqlite& db, const RunRow& row);
// All that changes after a run was accepted.
Result<> update_run(platform::Sqlite& db, const RunRow& row);

Result<std::optional<RunRow>> find_run(platform::Sqlite& db, const RunId& id);
Result<std::vector<RunRow>> unfinished_runs(platform::Sqlite& db);  // oldest first
Result<std::vector<RunRow>> runs_of_correlation(platform::Sqlite& db, const CorrelationId& id,
                                                size_t limit);  // newest first
Result<std::vector<LastRuns>> last_runs(platform::Sqlite& db);
// Deletes what ended, but the newest `keep` and each job's last success and attempt.
Result<> prune_runs(platform::Sqlite& db, size_t keep);

}  // namespace vigie::jobs
