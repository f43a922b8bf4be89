#include "jobs/run_store.h"

#include <fmt/format.h>

#include "jobs/idempotency_rows.h"
#include "platform/failpoint.h"

namespace vigie::jobs {

using platform::failpoint;
using platform::Sqlite;
using platform::SqliteTransaction;

Result<std::unique_ptr<RunStore>> RunStore::open(const platform::Path& state_db,
                                                 const platform::SqliteOptions& options) {
  TRY_ASSIGN(auto db, Sqlite::open(state_db, options));
  TRY(platform::migrate(db, "jobs", state_migrations()));
  return std::unique_ptr<RunStore>(new RunStore(std::move(db)));
}

Result<> RunStore::accept(const RunRow& row, const std::optional<IdempotencyKey>& key) {
  const std::lock_guard lock(mutex_);
  failpoint("jobs.row.queued.before");
  TRY_ASSIGN(auto transaction, SqliteTransaction::begin(db_));
  TRY(insert_run(db_, row));
  if (key) TRY(keep_key(db_, *key, row.id, row.created_at));
  failpoint("jobs.row.queued.within");
  if (row.due_at) TRY(mark_started(db_, row.job, row.kind, *row.due_at));
  TRY(transaction.commit());
  failpoint("jobs.row.queued.after");
  return {};
}

Result<> RunStore::save(const RunRow& row) {
  const std::lock_guard lock(mutex_);
  return update_run(db_, row);
}

Result<> RunStore::save_state(const RunRow& row) {
  failpoint(fmt::format("jobs.row.{}.before", to_string(row.state)));
  TRY(save(row));
  failpoint(fmt::format("jobs.row.{}.after", to_string(row.state)));
  return {};
}

Result<> RunStore::prove(SystemTime now) {
  const std::lock_guard lock(mutex_);
  return db_.run("insert or replace into proof values (1, ?1)", now);
}

Result<std::optional<RunRow>> RunStore::find(const RunId& id) {
  const std::lock_guard lock(mutex_);
  return find_run(db_, id);
}

Result<std::vector<RunRow>> RunStore::unfinished() {
  const std::lock_guard lock(mutex_);
  return unfinished_runs(db_);
}

Result<std::vector<RunRow>> RunStore::of_correlation(const CorrelationId& id, size_t limit) {
  const std::lock_guard lock(mutex_);
  return runs_of_correlation(db_, id, limit);
}

Result<std::vector<LastRuns>> RunStore::last() {
  const std::lock_guard lock(mutex_);
  return last_runs(db_);
}

Result<> RunStore::prune(size_t keep) {
  const std::lock_guard lock(mutex_);
  return prune_runs(db_, keep);
}

Result<std::optional<RunId>> RunStore::find(const IdempotencyKey& key, SystemTime now) {
  const std::lock_guard lock(mutex_);
  return find_key(db_, key, now);
}

Result<std::vector<DueRow>> RunStore::due() {
  const std::lock_guard lock(mutex_);
  return due_rows(db_);
}

Result<> RunStore::save_due(const std::string& job, const std::string& kind,
                            const std::string& schedule, SystemTime last_due) {
  const std::lock_guard lock(mutex_);
  return jobs::save_due(db_, job, kind, schedule, last_due);
}

Result<> RunStore::mark_missed(const std::string& job, const std::string& kind, SystemTime due,
                               std::string_view reason) {
  const std::lock_guard lock(mutex_);
  failpoint("jobs.due.missed.before");
  TRY(jobs::mark_missed(db_, job, kind, due, reason));
  failpoint("jobs.due.missed.after");
  return {};
}

}  // namespace vigie::jobs
