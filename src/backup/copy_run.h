// Bringing the copies of one job and database in one further store up to date: what is missing
// there is copied and read back, what retention no longer keeps goes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup/copy_book.h"
#include "backup/copy_plan.h"
#include "backup/originals.h"
#include "store/copy_artefact.h"

namespace vigie::backup {

// A copy as an artefact that lies elsewhere.
ArtefactView as_artefact(const CopyView& copy);

struct CopyPlace {
  const JobSetup& job;
  const CopyOptions& options;
  const StoreSetup& target;
  const std::string& database;
};

// One at a time for each place (CopyRoom sees to it). What it does is an entry of kind backup_copy,
// whose subject says which act: copy, read, expire, give_up, gone. Only the newest that was read
// off the host is evidence of a requirement: older ones say nothing of what a fire leaves. What it
// is given must outlive it.
class CopyRun {
 public:
  CopyRun(const Originals& originals, CopyBook& book, const CopyPlace& place, const Work& work);
  CopyRun(const CopyRun&) = delete;
  CopyRun& operator=(const CopyRun&) = delete;

  // Goes on after one that cannot be copied or read: the first error is answered.
  Result<> run();
  // Reads a copy from where it lies, to the last byte; fine when there is none. Error: copy_failed.
  Result<> read(const BackupId& id);
  // The newest good original that there was when it decided what to copy.
  const std::optional<BackupId>& newest() const { return newest_; }

 private:
  Result<> refuse_itself() const;
  Result<> look();
  Result<> give_up(const CopyView& copy);
  void remove_debris(const std::vector<BackupId>& debris);
  void forget_remains(const std::vector<BackupId>& debris);
  Result<> finish_expiry(const CopyView& copy, bool whole);
  Result<> look_again(const CopyView& copy);
  Result<> tell_gone(const CopyView& copy);
  Result<> take_in(const BackupId& id);
  CopyFacts facts() const;
  Result<> copy(const BackupId& id);
  Result<> copy_from(const Reading& reading);
  Result<> note_copied(const Reading& reading, const Result<store::Copied>& copied,
                       SystemTime began);
  Result<store::Copied> transfer(const Reading& reading);
  Result<> clear_damaged(const ArtefactView& original);
  Result<> check_space(const ArtefactView& original) const;
  void read_what_is_due();
  Result<> expire();
  Result<> remove(const std::vector<BackupId>& ids, std::string_view act);
  Result<> remove(const CopyView& copy, std::string_view act);
  ledger::Entry entry_of(const CopyView& copy, std::string_view act, SystemTime began) const;
  bool is_ours(const BackupId& id) const;
  bool is_held(const BackupId& id) const;
  bool is_newest(const BackupId& id) const;
  std::vector<CopyView> copies() const;
  const std::string& store() const { return target_.options.name; }
  SystemTime now() const { return originals_.clock.now(); }
  void note(const Result<>& done) {
    if (!done && !first_) first_ = done.error();
  }

  const Originals& originals_;
  CopyBook& book_;
  const JobSetup& job_;
  const CopyOptions& options_;
  const StoreSetup target_;
  const std::string& database_;
  const Work& work_;
  bool store_fails_ = false;  // it is full, or does not answer
  std::optional<BackupId> newest_;
  std::optional<Error> first_;
};

}  // namespace vigie::backup
