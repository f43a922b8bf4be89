// What is known of the copies of artefacts in further stores: how their last verification ended,
// who reads them, and how the last attempt to copy went. That a copy exists its store says; the
// format is docs/formats/state-db-backup-1.md (copy). Errors: those of Sqlite.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backup/view.h"
#include "platform/sqlite.h"

namespace vigie::backup {

// Each holds a copy back from going: more at once is a mistake of ours.
inline constexpr size_t kMostCopyReaders = 256;

// Thread-safe. Every change is durable when its call returns, but holds, which end with the
// process. What changes one copy that is not there is well, and changes nothing.
class CopyBook {
 public:
  static Result<std::unique_ptr<CopyBook>> open(const platform::Path& state_db,
                                                const platform::SqliteOptions& options = {});

  std::vector<CopyView> all() const;  // sorted by id, then store
  std::vector<CopyView> of(std::string_view store, std::string_view job,
                           std::string_view database) const;
  std::optional<CopyView> find(std::string_view store, const BackupId& id) const;
  bool has(std::string_view store, const BackupId& id) const { return find(store, id).has_value(); }

  Result<> put(const CopyView& copy);  // in place of what was known of it, its remains too
  Result<> remove(std::string_view store, const BackupId& id);
  // As last_standing() says.
  Result<> record(std::string_view store, const BackupId& id, const Verification& verification);
  // It is of no use to anybody: the next run removes it. Its remains are nobody's any more.
  Result<> give_up(std::string_view store, const BackupId& id);

  // It does not begin to expire before it is released as often. Errors: backup_not_found, also of
  // one that is expiring; queue_full.
  Result<> hold(std::string_view store, const BackupId& id);
  void release(std::string_view store, const BackupId& id);
  // Written before it is removed from its store, so that a crash in between is not taken for a
  // loss. False: somebody reads it, and it stays.
  Result<bool> begin_expiry(std::string_view store, const BackupId& id);
  // Its removal did not begin: it is as any other, and the next plan decides.
  Result<> keep(std::string_view store, const BackupId& id);
  // It is not given up any more.
  Result<> take_back(std::string_view store, const BackupId& id);

  // It was whole, and has lost its manifest to somebody else: a copy no more, and what remains of
  // it in its store may be all that is left.
  Result<> lose(std::string_view store, const BackupId& id);
  bool has_remains(std::string_view store, const BackupId& id) const;
  Result<> forget_remains(std::string_view store, const BackupId& id);
  std::vector<BackupId> remains(std::string_view store) const;  // sorted
  std::vector<BackupId> remains() const;                        // of all stores, sorted

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
  Result<> load_copies();
  Result<> load_remains();
  Result<> load_attempts();
  Result<> save(const CopyView& copy);
  template <class Change>
  Result<> change(std::string_view store, const BackupId& id, const Change& how);

  mutable std::mutex mutex_;
  platform::Sqlite db_;                // guarded by mutex_
  std::map<Key, CopyView> copies_;     // guarded by mutex_
  std::set<Key> remains_;              // guarded by mutex_
  std::multiset<Key> readers_;         // guarded by mutex_; at most kMostCopyReaders
  std::vector<CopyAttempt> attempts_;  // guarded by mutex_
};

}  // namespace vigie::backup
