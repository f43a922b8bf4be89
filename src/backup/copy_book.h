// What is known of the copies of artefacts in further stores: how their last verification ended,
// and how the last attempt to copy went. That a copy exists its store says; the format is
// docs/formats/state-db-backup-1.md (copy). Errors: those of Sqlite.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backup/view.h"
#include "platform/sqlite.h"

namespace vigie::backup {

// Thread-safe. Every change is durable when its call returns.
class CopyBook {
 public:
  static Result<std::unique_ptr<CopyBook>> open(const platform::Path& state_db,
                                                const platform::SqliteOptions& options = {});

  std::vector<CopyView> all() const;  // sorted by id, then store
  std::vector<CopyView> of(std::string_view store, std::string_view job,
                           std::string_view database) const;
  std::optional<CopyView> find(std::string_view store, const BackupId& id) const;
  bool has(std::string_view store, const BackupId& id) const { return find(store, id).has_value(); }

  Result<> put(const CopyView& copy);  // in place of what was known of it
  Result<> remove(std::string_view store, const BackupId& id);

  // How the last attempt to bring the copies of a job and database up to date ended; no error:
  // well.
  Result<> note_attempt(const CopyAttempt& attempt);
  std::vector<CopyAttempt> attempts() const;  // sorted by job, database, store
  std::optional<CopyAttempt> attempt(std::string_view job, std::string_view database,
                                     std::string_view store) const;

 private:
  using Key = std::pair<BackupId, std::string>;  // id and store

  explicit CopyBook(platform::Sqlite db) : db_(std::move(db)) {}
  Result<> load();

  mutable std::mutex mutex_;
  platform::Sqlite db_;                // guarded by mutex_
  std::map<Key, CopyView> copies_;     // guarded by mutex_
  std::vector<CopyAttempt> attempts_;  // guarded by mutex_
};

}  // namespace vigie::backup
