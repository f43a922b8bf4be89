// Runs that ended with their process, and the databases on which sessions of theirs may still be:
// kept until each server has said that they are gone, however many starts that takes. The format is
// docs/formats/state-db-backup-1.md (dead_run). Errors: those of Sqlite.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/ids.h"
#include "platform/sqlite.h"

namespace vigie::backup {

// Thread-safe. Every change is durable when its call returns.
class DeadRuns {
 public:
  static Result<DeadRuns> open(const platform::Path& state_db,
                               const platform::SqliteOptions& options = {});

  Result<> add(const RunId& run, const std::vector<std::string>& databases);
  Result<std::vector<std::string>> databases();  // with runs to be ended, sorted
  Result<std::vector<RunId>> runs_on(const std::string& database);
  Result<> forget(const std::vector<RunId>& runs, const std::string& database);

 private:
  explicit DeadRuns(platform::Sqlite db) : db_(std::move(db)) {}
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
  platform::Sqlite db_;  // guarded by mutex_
};

}  // namespace vigie::backup
