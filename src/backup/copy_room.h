// Copies of a job's backups in its further stores: they are made, read, restored from, and they
// expire, by a retention of their own and apart from their originals (docs/adr/0018).
//
// What may happen at once. Copying into different stores; copying beside a backup, an expiry or a
// verification of the same job: an original that is being copied is held, so that it does not
// expire, and one that is expiring is not copied.
// What must not. Two that copy one job and database into one store would copy the same, and each
// remove what the other writes: the second is refused (run_conflict). Nor is a copy removed while
// somebody reads it, or read while it goes: whoever reads it holds it (CopyBook::hold), and what is
// held stays until a later run.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "backup/copy_book.h"
#include "backup/originals.h"

namespace vigie::backup {

// Thread-safe.
class CopyRoom {
 public:
  CopyRoom(Originals originals, std::unique_ptr<CopyBook> book);

  // A run: brings the job's copies up to date. What is missing is copied and read back, what
  // retention no longer keeps goes. Every part that begins leaves an entry, however it ends.
  Outcome copy(const std::string& job, const Work& work);
  // The jobs of which some store lacks the newest good backup and nobody has tried since it is
  // good, or where the last attempt failed and it is time to try again; in the configuration's
  // order.
  std::vector<std::string> due() const;

  // For whoever restores from it. Errors: backup_not_found, also of one that is expiring;
  // queue_full, store_*, ledger_unreadable. What reads from it ends at the limits.
  Result<Reading> read(const BackupId& id, const std::string& store, const CallLimits& limits);
  // Of a database of which nothing else is known: the newest that lies in one of the job's stores.
  std::optional<ArtefactView> newest(const JobSetup& job, const std::string& database,
                                     const CallLimits& limits) const;

  // Does what lies in that store belong to us, and not to the catalogue and its cleaning? Also in
  // one that the job does not name any more.
  bool is_ours(const BackupId& id, const std::string& store) const;
  // The same, when the store is found again: in the store that the job writes its backups to now, a
  // copy is a backup, and is ours no longer.
  bool stays_ours(const BackupId& id, const std::string& store);

  // Damaged, or without a manifest, and nobody has given it up yet: the stores where it lies so.
  std::vector<std::string> of_no_use(const BackupId& id) const;
  // The next run removes it from there.
  Result<> give_up(const BackupId& id, const std::vector<std::string>& stores);
  bool any(const BackupId& id) const;
  // Reads a copy from where it lies, to the last byte, and records how that ended; the next run
  // makes a damaged one anew. Errors: copy_failed, run_conflict, store_not_found, those of the
  // state.
  Result<> verify(const BackupId& id, const std::string& store, const Work& work);

  std::vector<CopyView> all() const { return book_->all(); }  // sorted by id, then store
  std::vector<CopyAttempt> attempts() const { return book_->attempts(); }
  std::vector<BackupId> remains() const { return book_->remains(); }  // sorted

 private:
  class Alone;
  Result<> copy_into(const JobSetup& job, const CopyOptions& options, const StoreSetup& target,
                     const std::string& database, const Work& work);
  Outcome copy_database(const JobSetup& job, const std::string& database, const Work& work);
  bool is_due(const JobSetup& job, const std::string& database, const std::string& store) const;
  bool is_copying(const std::string& job, const std::string& database,
                  const std::string& store) const;

  const Originals originals_;
  const std::unique_ptr<CopyBook> book_;
  mutable std::mutex mutex_;
  std::set<std::string> copying_;  // guarded by mutex_; a job, a database and a store
};

}  // namespace vigie::backup
