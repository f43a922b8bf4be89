// The backup room: takes, verifies, expires, pins; keeps the catalogue and writes the evidence.
// Others see views (view.h); work is asked for by runs.
//
// The order of a backup: publish, ledger, catalogue. What a crash left published but unrecorded
// becomes a `recovered` entry at the next start; what it left of an expiry is finished where it had
// begun, and decided anew where it had not.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "artefact/verify.h"
#include "backup/catalogue.h"
#include "backup/copy_room.h"
#include "backup/dead_runs.h"
#include "backup/expire.h"
#include "backup/read_hold.h"
#include "backup/room_tools.h"
#include "backup/scrub.h"
#include "backup/setup.h"
#include "backup/view.h"
#include "base/work.h"

namespace vigie::backup {

// Thread-safe. Runs that work on the same job and database must not overlap: the claims of `jobs`
// see to that.
class BackupRoom {
 public:
  static Result<std::unique_ptr<BackupRoom>> open(RoomTools tools, const platform::Path& state_db,
                                                  SetupPtr setup);

  // Before any run: empties staging. Asks neither a store nor a server.
  Result<> prepare();
  // Sessions of a run of `job` whose process is gone are to be ended. Durable when it returns.
  Result<> note_dead(const RunId& run, const std::string& job);
  // Beside runs: what the process before left, or a run of this one that failed. Finishes its
  // expiry and removes debris; ends the sessions of its runs. A store or a server that does not
  // answer is warned of, and asked again when this is called again, after a while that grows. True:
  // nothing is left to do.
  bool clean_stores(const Work& work);
  bool end_dead_sessions(const Work& work);
  // Compares the catalogue with the stores. Long with many artefacts: not on the way to readiness.
  Result<> reconcile(const Work& work);
  // Again, when a run since then could not record what it may have published, when the setup is
  // another one, and every hour; after a failure, after a while that grows. Cheap when it is not
  // due.
  Result<> keep_reconciled(const Work& work);
  void configure(SetupPtr setup);

  // Runs. Every part of them that begins leaves an entry in the ledger, however it ends; none
  // leaves what is refused: a job or an artefact that there is not, or one that is expiring.
  Outcome back_up(const std::string& job, const Work& work);
  // What back_up would find before it dumps: nothing is dumped.
  Outcome preflight(const std::string& job, const Work& work);
  Outcome verify(const BackupId& id, VerifyMode mode, const Work& work);
  Outcome prune(const std::optional<std::string>& job, const Work& work);
  // A full verification that nobody asked for. Which is next: as scrub.h says; nothing when none is
  // due now. Whoever asks reads it.
  Outcome scrub(const BackupId& id, const Work& work);
  std::optional<BackupId> next_scrub();

  // For whoever restores it. Errors: backup_not_found, store_*, ledger_unreadable.
  // What reads from it ends at the limits.
  Result<Reading> read(const BackupId& id, std::string reason, const CallLimits& limits);

  // It has just been restored and compared: it is held until another of its job and database is.
  // Errors: backup_not_found, those of the state.
  Result<> hold_drilled(const BackupId& id, const Work& work);

  // Human acts.
  Result<> pin(const BackupId& id, const Work& work);
  Result<> unpin(const BackupId& id, const Work& work);
  // Its loss; else its alarm; else that its copies are damaged and nothing good is there to replace
  // them: they go. Errors: backup_not_found, nothing_to_acknowledge.
  Result<> acknowledge(const BackupId& id, const Work& work);
  // That it is lost: from its store, or with a store that is not configured any more. Errors: as
  // above.
  Result<> give_up(const BackupId& id, const Work& work);
  // The store is this state folder's from now on, whoever's it was. Errors: store_not_found.
  Result<> adopt_store(const std::string& store, const Work& work);

  // What lies of them in further stores.
  CopyRoom& copies() { return *copies_; }
  const CopyRoom& copies() const { return *copies_; }

  std::vector<PrunePlan> plan(const std::optional<std::string>& job) const;
  Result<std::string> manifest(const BackupId& id) const;  // its JSON text, from the store
  SetupPtr setup() const;
  // Who this state folder is, of all that there are: 32 digits.
  const std::string& owner_id() const { return owner_id_; }
  // The newest view; waits for nothing.
  BackupsViewPtr view() const;
  // Looks at the stores (space, reachable) and publishes the view anew. May wait for a slow file
  // system.
  void observe_stores();

 private:
  friend class JobRun;
  bool lies_in_no_store(const BackupId& id) const;
  bool has_good_original(const BackupId& id) const;
  Result<> give_up_copies(const BackupId& id, const Work& work);
  Result<> nothing_to_acknowledge(const BackupId& id) const;
  BackupRoom(RoomTools tools, std::string owner_id, std::unique_ptr<Catalogue> catalogue,
             std::unique_ptr<CopyBook> copies, DeadRuns dead, SetupPtr setup);
  Originals originals();
  void publish_view();
  SetupPtr in_care(SetupPtr setup) const;
  struct Expired {
    size_t gone = 0;
    std::optional<Error> error;  // why not all of them: the first
  };
  PrunePlan plan_for(const JobSetup& job, const std::string& database) const;
  Result<std::vector<ArtefactView>> vanished(const PrunePlan& plan, const CallLimits& limits) const;
  Result<PrunePlan> plan_of_what_is_there(const JobSetup& job, const std::string& database,
                                          const Work& work);
  Result<std::optional<PrunePlan>> plan_now(const std::string& job, const std::string& database,
                                            const Work& work);
  Expired expire(const std::string& job, const std::string& database, const Work& work);
  Result<Expired> expire_some(const PrunePlan& plan, const std::vector<BackupId>& wanted,
                              size_t kept_before, const Work& work);
  struct Removed {
    std::vector<ArtefactView> artefacts;
    std::optional<Error> error;  // why not all of them: the first
  };
  Removed remove_artefacts(const std::vector<BackupId>& ids, const Work& work);
  std::vector<BackupId> removable(std::vector<BackupId> ids) const;
  Result<> forget_expired(const std::vector<ArtefactView>& gone);
  void settle_expiry(const std::vector<BackupId>& ids);
  // Compares what is in `manifest` with the newest good artefact before it; an alarm when it
  // shrank, was taken from another server, or when the one before cannot be read. Nothing: it is
  // plausible, or the first.
  std::optional<PlausibilityAlarm> judge(const artefact::Manifest& manifest,
                                         const std::optional<ArtefactView>& previous,
                                         const PlausibilityOptions& options);
  Result<std::string> manifest_of(const ArtefactView& artefact) const;
  std::optional<ArtefactView> good_before(const BackupId& id, const BackupJobOptions& job) const;
  Result<> enter(const ArtefactView& artefact, const std::optional<PlausibilityAlarm>& alarm,
                 const Work& work);
  Result<std::optional<std::string>> recorded(const BackupId& id) const;
  void set_at_work(const std::string& job, const std::string& database, bool at_work);
  bool at_work(const BackupId& id);
  void doubt();
  void clean_again();
  Result<> finish_expiry(const Work& work);
  Result<> finish_some(const std::vector<BackupId>& begun, const Work& work);
  Result<bool> removal_began(const BackupId& id, const CallLimits& limits);
  Result<artefact::VerifyReport> read_again(const ArtefactView& artefact, VerifyMode mode,
                                            const Work& work);
  bool is_newest(const BackupId& id) const;  // of its job and database
  Result<> record_reading(ledger::Entry entry, const BackupId& id, const std::string& store,
                          VerifyMode mode);
  Outcome read_and_record(const BackupId& id, VerifyMode mode, std::string_view kind,
                          const Work& work);
  std::vector<ScrubCandidate> scrub_candidates(SystemTime now) const;
  Outcome not_verified(const ArtefactView& artefact, VerifyMode mode, const Error& error,
                       const Work& work);
  bool remove_debris(const CallLimits& limits);
  Result<bool> remove_debris(const StoreSetup& store);
  Result<bool> is_debris(const StoreSetup& store, const BackupId& id);
  Result<bool> follow_store(const StoreSetup& store, const BackupId& expiring);
  Result<> end_dead_sessions(const std::string& database, const Work& work);
  bool end_dead_sessions(std::vector<std::string> databases, const Work& work);
  // Something that is tried until it is done, each time after a longer while.
  struct Chore {
    bool done = false;
    MonoTime next{};
    Duration pause = std::chrono::seconds(5);
  };
  bool is_due(const Chore& chore) const;
  bool tried(Chore& chore, bool done);
  std::vector<BackupId> leftovers() const;
  bool is_leftover(const BackupId& id) const;
  void finished(const BackupId& leftover);
  Result<> take_in(const StoreSetup& store, const Work& work);
  Result<> take_in_earlier(const StoreSetup& store, const std::string& job,
                           const std::string& database, const Work& work);
  Result<> find_lost(const StoreSetup& store, const Work& work);
  Result<> reconcile_listed(const StoreSetup& store, const BackupId& id, const Work& work);
  Result<> reconcile_moved(const StoreSetup& store, const ArtefactView& known, const Work& work);
  Result<> adopt(const StoreSetup& store, const BackupId& id, const Work& work);
  Result<> record_adoption(const ArtefactView& view, const std::optional<Error>& trouble,
                           const std::optional<std::string>& recorded, const Work& work);
  Result<> miss(const ArtefactView& artefact, const Work& work);
  // For what is found again as long as the catalogue cannot be written: its entry is written once.
  Result<> record_once(const BackupId& id, const ledger::Entry& entry);
  bool is_told(const BackupId& id, std::string_view what) const;
  void told(const BackupId& id, std::string_view what);
  void entered(const BackupId& id);

  RoomTools tools_;
  const std::string owner_id_;  // who this state folder is for its stores
  std::unique_ptr<Catalogue> catalogue_;
  std::unique_ptr<CopyRoom> copies_;
  DeadRuns dead_;
  Chore stores_chore_;  // of the thread that cleans, as below
  Chore sessions_chore_;
  std::string last_asked_;  // the database whose sessions were ended last; of the same thread
  std::mutex adopting_;     // held while one is taken in, and its entry written
  std::mutex publishing_;  // held from the making of a view to its publication: none goes backwards
  mutable std::mutex mutex_;
  SetupPtr setup_;                                   // guarded by mutex_
  BackupsViewPtr view_;                              // guarded by mutex_
  std::vector<StoreView> stores_;                    // guarded by mutex_; as last observed
  bool reconciled_ = false;                          // guarded by mutex_
  std::map<std::string, SystemTime> reconciled_at_;  // guarded by mutex_; by store
  std::optional<SystemTime> last_scrub_;             // guarded by mutex_
  std::map<BackupId, SystemTime> offered_;           // guarded by mutex_; when next_scrub named it
  MonoTime next_reconcile_{};                        // guarded by mutex_
  Duration reconcile_pause_{};                       // guarded by mutex_; after the next failure
  bool doubtful_ = false;        // guarded by mutex_; something may be published and unknown
  bool clean_again_ = false;     // guarded by mutex_; a run left something behind
  std::set<BackupId> leftover_;  // guarded by mutex_; expiring, and no run is at work on it
  std::set<std::pair<BackupId, std::string>> told_;  // guarded by mutex_; what entries are there of
  // Jobs and databases whose run publishes and records by itself; guarded by mutex_.
  std::multiset<std::pair<std::string, std::string>> at_work_;
};

}  // namespace vigie::backup
