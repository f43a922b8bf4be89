#include "backup/dead_runs.h"

#include <array>

namespace vigie::backup {
namespace {

using platform::Migration;

constexpr std::array<Migration, 1> kMigrations{{{1, R"sql(
create table dead_run(
  run text not null, database text not null, primary key (run, database)) strict, without rowid;
)sql"}}};

Result<std::vector<std::string>> texts(platform::SqliteStatement rows) {
  std::vector<std::string> all;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return all;
    all.push_back(rows.text(0));
  }
}

}  // namespace

Result<DeadRuns> DeadRuns::open(const platform::Path& state_db,
                                const platform::SqliteOptions& options) {
  TRY_ASSIGN(auto db, platform::Sqlite::open(state_db, options));
  TRY(platform::migrate(db, "dead_runs", kMigrations));
  return DeadRuns(std::move(db));
}

Result<> DeadRuns::add(const RunId& run, const std::vector<std::string>& databases) {
  const std::lock_guard lock(*mutex_);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  for (const std::string& one : databases)
    TRY(db_.run("insert or ignore into dead_run values (?1, ?2)", run.str(), one));
  return transaction.commit();
}

Result<std::vector<std::string>> DeadRuns::databases() {
  const std::lock_guard lock(*mutex_);
  TRY_ASSIGN(auto rows, db_.query("select distinct database from dead_run order by database"));
  return texts(std::move(rows));
}

Result<std::vector<RunId>> DeadRuns::runs_on(const std::string& database) {
  const std::lock_guard lock(*mutex_);
  TRY_ASSIGN(auto rows, db_.query("select run from dead_run where database = ?1", database));
  TRY_ASSIGN(auto found, texts(std::move(rows)));
  std::vector<RunId> runs;
  for (std::string& one : found) runs.emplace_back(std::move(one));
  return runs;
}

Result<> DeadRuns::forget(const std::vector<RunId>& runs, const std::string& database) {
  const std::lock_guard lock(*mutex_);
  TRY_ASSIGN(auto transaction, platform::SqliteTransaction::begin(db_));
  for (const RunId& run : runs)
    TRY(db_.run("delete from dead_run where run = ?1 and database = ?2", run.str(), database));
  return transaction.commit();
}

}  // namespace vigie::backup
