// Bringing the copies of one job and database in one further store up to date: what is missing
// there is copied and read back, what retention no longer keeps goes.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artefact/verify.h"
#include "backup/copy_plan.h"
#include "backup/room.h"
#include "store/copy_artefact.h"

namespace vigie::backup {

// One at a time for each store, job and database (BackupRoom::copy_alone). What it does is an entry
// of kind backup_copy, whose subject says which act: copy, read, expire, gone. Only the newest that
// was read off the host is evidence of a requirement: older ones say nothing of what a fire leaves.
class CopyRun {
 public:
  CopyRun(BackupRoom& room, const JobSetup& job, const CopyOptions& options,
          const StoreSetup& target, const std::string& database, const Work& work);
  CopyRun(const CopyRun&) = delete;
  CopyRun& operator=(const CopyRun&) = delete;
  ~CopyRun();

  // Goes on after one that cannot be copied or read: the first error is answered.
  Result<> run();

 private:
  Result<> refuse_itself() const;
  Result<> look();
  void remove_debris(const std::vector<BackupId>& debris);
  Result<> finish_expiry(const CopyView& copy, bool whole);
  Result<> look_again(const CopyView& copy);
  Result<> tell_gone(const CopyView& copy);
  Result<> take_in(const BackupId& id);
  CopyFacts facts() const;
  Result<> copy(const BackupId& id);
  Result<store::Copied> transfer(const ArtefactView& original,
                                 std::unique_ptr<artefact::ArtefactSource> source);
  Result<> clear_damaged(const ArtefactView& original);
  Result<> check_space(const ArtefactView& original) const;
  Result<> read(const BackupId& id);
  Result<artefact::VerifyReport> read_back(const CopyView& copy);
  void read_what_is_due();
  Result<> expire();
  Result<> remove(const std::vector<BackupId>& ids);
  ledger::Entry entry_of(const CopyView& copy, std::string_view act, SystemTime began) const;
  bool is_ours(const BackupId& id) const;
  bool is_held(const BackupId& id) const;
  bool is_newest(const BackupId& id) const;
  std::vector<CopyView> copies() const;
  unsigned workers() const;
  SystemTime now() const;
  void note(const Result<>& done) {
    if (!done && !first_) first_ = done.error();
  }

  BackupRoom& room_;
  const JobSetup& job_;
  const CopyOptions& options_;
  const StoreSetup target_;
  const std::string& database_;
  const Work& work_;
  std::optional<Error> first_;
};

}  // namespace vigie::backup
