// The jobs room's part of state.db: one connection, one transaction for what belongs together.
// Thread-safe; a call may wait for the disk. Errors: those of Sqlite, and those named.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "jobs/due_rows.h"
#include "jobs/idempotency.h"
#include "jobs/run_rows.h"

namespace vigie::jobs {

class RunStore {
 public:
  // Errors: also state_newer.
  static Result<std::unique_ptr<RunStore>> open(const platform::Path& state_db,
                                                const platform::SqliteOptions& options = {});

  // The row, its idempotency key, and, of a scheduled run, that its due time is dealt with: all or
  // nothing. Errors: also queue_full (too many keys).
  Result<> accept(const RunRow& row, const std::optional<IdempotencyKey>& key);
  Result<> save(const RunRow& row);
  // A run becomes `running`, or gets its end: failpoints jobs.row.<state>.{before,after}.
  Result<> save_state(const RunRow& row);

  // A write that says nothing but that it was taken.
  Result<> prove(SystemTime now);

  Result<std::optional<RunRow>> find(const RunId& id);
  Result<std::vector<RunRow>> unfinished();
  Result<std::vector<RunRow>> of_correlation(const CorrelationId& id, size_t limit);
  Result<std::vector<LastRuns>> last();
  Result<> prune(size_t keep);

  // Errors: also idempotency_mismatch.
  Result<std::optional<RunId>> find(const IdempotencyKey& key, SystemTime now);

  Result<std::vector<DueRow>> due();
  Result<> save_due(const std::string& job, const std::string& kind, const std::string& schedule,
                    SystemTime last_due);
  Result<> mark_missed(const std::string& job, const std::string& kind, SystemTime due,
                       std::string_view reason);

 private:
  explicit RunStore(platform::Sqlite db) : db_(std::move(db)) {}

  std::mutex mutex_;
  platform::Sqlite db_;  // guarded by mutex_
};

}  // namespace vigie::jobs
