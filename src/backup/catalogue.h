// What artefacts there are, how their last verification ended, what holds them, what waits for an
// acknowledgement. The format is docs/formats/state-db-backup-1.md. A cache of what the stores say
// (see BackupRoom::reconcile), so that the daemon knows 2,000 artefacts without reading 2,000
// manifests.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "backup/options.h"
#include "backup/view.h"
#include "platform/sqlite.h"

namespace vigie::backup {

// Does it count for retention, RPO and the last success of `job`? One that nobody has verified
// counts only where the configuration asks for no verification; one that cannot be read nowhere.
bool counts_as_good(const ArtefactView& artefact, const BackupJobOptions& job);

// What is known after `now`, beside what was known before: a failed one, or one that could not read
// the bytes, stands until one that is at least as thorough passes.
std::optional<Verification> last_standing(const std::optional<Verification>& before,
                                          Verification now);

// What a new backup is compared with: the newest good one, or, where none is known to be good (the
// state folder was lost, and the stores are not read again yet), the newest that may be; else the
// newest of all, whose manifest may still tell.
// `artefacts` are those of its job and database, sorted by id.
std::optional<ArtefactView> baseline(std::span<const ArtefactView> artefacts,
                                     const BackupJobOptions& job);

// Thread-safe. Every change is durable when its call returns.
class Catalogue {
 public:
  // Opens `state_db`, brings the room's tables up to date, reads them. Errors: those of Sqlite,
  // state_newer.
  static Result<std::unique_ptr<Catalogue>> open(const platform::Path& state_db,
                                                 const platform::SqliteOptions& options = {});

  std::vector<ArtefactView> all() const;  // sorted by id
  std::vector<ArtefactView> of(std::string_view job, std::string_view database) const;
  std::optional<ArtefactView> find(const BackupId& id) const;
  // Errors: backup_not_found.
  Result<ArtefactView> get(const BackupId& id) const;

  // Replaces what was known of it, but not its holds. With its alarm in one transaction: there is
  // no moment at which the artefact counts and the alarm does not freeze. There is one alarm for
  // each job and database: a newer one takes over what nobody has acknowledged yet.
  Result<> add(const ArtefactView& artefact,
               const std::optional<PlausibilityAlarm>& alarm = std::nullopt);
  Result<> remove(const BackupId& id);  // with its holds and its alarm
  // Its manifest is gone, nobody knows why: its holds stay, in case it comes back. Its alarm goes
  // when it was the newest: retention decides about the others, which it said nothing about; when
  // it comes back it is judged anew. One with a newer artefact behind it stays: that one was
  // compared with it, and may lack the same.
  // So it does when it took over what nobody has acknowledged of an older one.
  // It counts as lost from `now` on, until it is added again or the loss is acknowledged.
  Result<> forget(const BackupId& id, SystemTime now);
  std::vector<LossView> losses() const;  // sorted by id
  bool is_lost(const BackupId& id) const;
  Result<> acknowledge_loss(const BackupId& id);
  // Does its alarm go when it is forgotten?
  bool alarm_goes_with(const BackupId& id) const;
  // As last_standing() says. Errors: backup_not_found.
  Result<> record(const BackupId& id, const Verification& verification);

  // One of each kind, the newer wins; but those of kind read are counted, and the last to be
  // released frees.
  Result<> hold(const BackupId& id, const Hold& hold);
  Result<> release(const BackupId& id, std::string_view kind);

  // Written before the first of them is removed from its store, so that a crash in between is not
  // taken for a loss. Answers those that expire: one that somebody took hold of since the plan was
  // made stays, and so do all of a job and database whose alarm nobody has acknowledged. One that
  // expires already is somebody else's.
  Result<std::vector<BackupId>> begin_expiry(const std::vector<BackupId>& ids);
  // Its removal did not begin: it is as any other, and the next plan decides.
  Result<> keep(const BackupId& id);
  std::vector<BackupId> expiring() const;
  bool is_expiring(const BackupId& id) const;

  // The ids of the stores that are marked as ours, by their names.
  std::optional<std::string> store_id(const std::string& name) const;
  Result<> remember_store(const std::string& name, const std::string& store_id);

  // Errors: backup_not_found when there is no alarm of that artefact.
  Result<> acknowledge(const BackupId& id);
  std::optional<PlausibilityAlarm> alarm(std::string_view job, std::string_view database) const;

 private:
  using Alarms = std::map<std::pair<std::string, std::string>, PlausibilityAlarm>;

  explicit Catalogue(platform::Sqlite db) : db_(std::move(db)) {}
  Result<> load();
  Result<> load_artefacts();
  Result<> load_holds();
  Result<> load_holds_of(ArtefactView& artefact);
  Result<> load_alarms();
  Result<> load_expiring();
  Result<> load_stores();
  Result<> load_losses();
  Result<> save(const ArtefactView& artefact);
  Result<> save(const PlausibilityAlarm& alarm);
  bool has_newer(const BackupId& id) const;
  bool alarm_goes(const BackupId& id) const;
  PlausibilityAlarm with_unacknowledged(PlausibilityAlarm alarm) const;

  mutable std::mutex mutex_;
  platform::Sqlite db_;                         // guarded by mutex_
  std::map<BackupId, ArtefactView> artefacts_;  // guarded by mutex_
  std::set<BackupId> expiring_;                 // guarded by mutex_
  std::map<BackupId, size_t> readers_;          // guarded by mutex_; how many holds of kind read
  std::map<std::string, std::string> stores_;   // guarded by mutex_; id by name
  Alarms alarms_;                               // guarded by mutex_; by job and database
  std::map<BackupId, LossView> lost_;           // guarded by mutex_
};

}  // namespace vigie::backup
