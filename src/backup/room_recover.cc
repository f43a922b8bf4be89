// What is done at the start: leftovers go, and the catalogue is compared with the stores.
#include <algorithm>
#include <set>

#include "backup/evidence.h"
#include "backup/leftovers.h"
#include "backup/room.h"

namespace vigie::backup {
namespace {

// What vanishes from a store between two runs is known within it.
constexpr Duration kReconcileEvery = std::chrono::hours(1);
// After one that failed, and the longest while that it grows to.
constexpr Duration kReconcileAgain = std::chrono::seconds(15);
constexpr Duration kLongestPause = std::chrono::minutes(10);

ArtefactView view_of(const artefact::Manifest& manifest, const std::string& store,
                     std::string manifest_sha256) {
  ArtefactView view;
  view.id = manifest.id;
  view.store = store;
  view.started_at = manifest.started_at;
  view.ended_at = manifest.sealed_at;
  view.raw = manifest.raw();
  view.stored = manifest.stored();
  view.rows = manifest.rows();
  view.tables = manifest.tables.size();
  view.correlation_id = manifest.correlation_id;
  view.manifest_sha256 = std::move(manifest_sha256);
  view.source_check = manifest.source_check.result;
  return view;
}

// A server that hangs keeps those behind it waiting this long.
constexpr auto kServerPatience = std::chrono::seconds(5);
// And all of them together what else is done beside the runs.
constexpr auto kSessionsPatience = std::chrono::seconds(15);

// A manifest that cannot be read is still an artefact that is there: it is listed. Without a hash,
// so that reconciling tries again.
ArtefactView unread_view(const BackupId& id, const std::string& store) {
  ArtefactView view;
  view.id = id;
  view.store = store;
  view.started_at = id.started_at;
  view.ended_at = id.started_at;
  return view;
}

// Bad is what was read and is not as it was written; what could not be read may be as it should.
Verdict verdict_of(const Error& error) {
  return error.info().error_class == "integrity" ? Verdict::failed : Verdict::could_not_verify;
}

bool same_trouble(const std::optional<ArtefactView>& known, const std::string& store,
                  const Error& trouble) {
  return known && known->store == store && known->last_verification &&
         known->last_verification->error_code == trouble.info().name;
}

}  // namespace

Result<> BackupRoom::prepare() {
  TRY(platform::remove_tree(tools_.take.files, tools_.staging));
  return tools_.take.files.create_folder(tools_.staging, 0700);
}

bool BackupRoom::is_due(const Chore& chore) const {
  return !chore.done && tools_.take.clock.monotonic() >= chore.next;
}

bool BackupRoom::tried(Chore& chore, bool done) {
  chore.done = done;
  chore.next = tools_.take.clock.monotonic() + chore.pause;
  chore.pause = std::min<Duration>(chore.pause * 2, kLongestPause);
  return done;
}

// One whose job is not configured any more may have been on any of them.
Result<> BackupRoom::note_dead(const RunId& run, const std::string& job) {
  const SetupPtr setup = this->setup();
  if (const JobSetup* const found = setup->job(job))
    return dead_.add(run, found->options.databases);
  std::vector<std::string> names;
  for (const DatabaseOptions& one : setup->databases) names.push_back(one.name);
  return dead_.add(run, names);
}

Result<> BackupRoom::end_dead_sessions(const std::string& database, const Work& work) {
  TRY_ASSIGN(const auto runs, dead_.runs_on(database));
  const SetupPtr setup = this->setup();
  const DatabaseOptions* const found = setup->database(database);
  if (found != nullptr) {
    const CallLimits limits{tools_.take.clock.monotonic() + kServerPatience, work.stop};
    TRY(end_sessions(tools_.take.postgres, found->dsn, runs, limits));
  }
  // One that is not configured any more cannot be asked.
  return dead_.forget(runs, database);
}

// Goes on behind the one that was asked last, so that none waits for those before it for ever.
bool BackupRoom::end_dead_sessions(std::vector<std::string> databases, const Work& work) {
  const platform::Clock& clock = tools_.take.clock;
  const MonoTime until = clock.monotonic() + kSessionsPatience;
  // Not ranges::rotate: clang 14 does not compile libstdc++'s subrange.
  std::rotate(databases.begin(), std::ranges::upper_bound(databases, last_asked_), databases.end());
  bool all = true;
  for (const std::string& one : databases) {
    if (work.stop.stop_requested() || clock.monotonic() >= until) return false;
    last_asked_ = one;
    const auto ended = end_dead_sessions(one, work);
    if (!ended) tools_.warn("backup.leftovers", ended.error());
    all = all && ended;
  }
  return all;
}

// Asked each time: a run may have been found dead since.
bool BackupRoom::end_dead_sessions(const Work& work) {
  if (tools_.take.clock.monotonic() < sessions_chore_.next) return false;
  const auto databases = dead_.databases();
  if (!databases) tools_.warn("backup.leftovers", databases.error());
  const bool all = databases && end_dead_sessions(*databases, work);
  if (all) sessions_chore_ = {};
  return all || tried(sessions_chore_, false);
}

// Debris of a run that is at work now is none. The store's list may be older than what is seen of
// that run, so what was published since is asked for again.
Result<bool> BackupRoom::remove_debris(const StoreSetup& store) {
  const auto at_work_before = [&] {
    const std::lock_guard lock(mutex_);
    return at_work_;
  }();
  TRY_ASSIGN(const auto debris, store.store->debris());
  bool all = true;
  std::optional<Error> first;  // one that cannot be removed does not keep the others from it
  for (const BackupId& id : debris) {
    if (at_work_before.contains({id.job, id.database}) || at_work(id)) {
      all = false;
      continue;
    }
    const auto is = is_debris(store, id);
    const auto removed = is && *is ? store.store->remove(id) : Result<>();
    if (!is || !removed) first = first.value_or(is ? removed.error() : is.error());
  }
  if (first) return fail(*first);
  return all;
}

// What was published, and has lost its manifest to somebody else, is a loss and no debris: the data
// may be there still, and stock tools may read it. Where copies lie, whoever copies cleans.
Result<bool> BackupRoom::is_debris(const StoreSetup& store, const BackupId& id) {
  if (copies_->is_ours(id, store.options.name)) return false;
  TRY_ASSIGN(const bool published, store.store->exists(id));
  if (published) return false;
  // A run that is removing it is not to be met by another.
  if (catalogue_->is_expiring(id)) {
    TRY_ASSIGN(const bool followed, follow_store(store, id));
    return !followed && is_leftover(id);
  }
  // Also when the ledger has no whole entry of it.
  if (catalogue_->find(id) || catalogue_->is_lost(id)) return false;
  TRY_ASSIGN(const auto recorded, this->recorded(id));
  return !recorded;
}

// The store of an expiry that was not finished has another name now: it is finished under that one,
// with its entry. False: it has the name that it had.
Result<bool> BackupRoom::follow_store(const StoreSetup& store, const BackupId& expiring) {
  const SetupPtr setup = this->setup();
  auto known = catalogue_->find(expiring);
  if (!known || setup->store(known->store) != nullptr) return false;
  known->store = store.options.name;
  TRY(catalogue_->add(*known));
  clean_again();
  return true;
}

bool BackupRoom::remove_debris(const CallLimits& limits) {
  const SetupPtr setup = this->setup();
  bool all = true;
  for (const StoreSetup& one : setup->stores) {
    const auto removed = remove_debris(one.within(limits));
    if (!removed) tools_.warn("backup.debris", removed.error());
    all = all && removed && *removed;
  }
  return all;
}

bool BackupRoom::clean_stores(const Work& work) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(clean_again_, false)) stores_chore_ = {};
  }
  if (!is_due(stores_chore_)) return stores_chore_.done;
  const auto finished = finish_expiry(work);
  if (!finished) tools_.warn("backup.expiry", finished.error());
  const bool removed = remove_debris(work.limits());
  publish_view();
  return tried(stores_chore_, finished && removed);
}

Result<> BackupRoom::record_adoption(const ArtefactView& view, const std::optional<Error>& trouble,
                                     const std::optional<std::string>& recorded, const Work& work) {
  if (recorded && !trouble) return {};
  ledger::Entry entry =
      evidence::about(ledger::kind::kRecovered, view.id, work, tools_.take.clock.now());
  if (!recorded) entry.deviations.emplace_back("published, and found without an entry of its own");
  if (trouble) {
    entry.ended_with(*trouble);
    entry.result = ledger::outcome_of(verdict_of(*trouble));
  }
  if (recorded && *recorded != view.manifest_sha256 && !view.manifest_sha256.empty())
    entry.assertions.push_back({"manifest_sha256", json::value(*recorded),
                                json::value(view.manifest_sha256), ledger::Outcome::failed});
  entry.artefacts.push_back(
      {view.id.str(), recorded ? *recorded : view.manifest_sha256, view.stored});
  return record_once(view.id, entry);
}

// Published, and not in the catalogue: a crash came first, or the state folder is a new one.
Result<> BackupRoom::adopt(const StoreSetup& store, const BackupId& id, const Work& work) {
  // Two would write its entry twice. Who comes second does not wait, and looks again later.
  const std::unique_lock one_at_a_time(adopting_, std::try_to_lock);
  if (!one_at_a_time) {
    doubt();
    return {};
  }
  const auto known = catalogue_->find(id);
  if (known && known->is_read() && known->store == store.options.name) return {};
  TRY_ASSIGN(const auto recorded, this->recorded(id));
  const auto text = store::read_manifest(*store.store, id);
  if (!text) {
    // Removed since the list was made: there is nothing to take in.
    TRY_ASSIGN(const bool there, store.store->exists(id));
    if (!there) return {};
  }
  const auto manifest = text ? artefact::Manifest::parse(*text, id) : tl::unexpected(text.error());
  ArtefactView view = manifest ? view_of(*manifest, store.options.name, sha256_hex(*text))
                               : unread_view(id, store.options.name);
  std::optional<Error> trouble;
  if (!manifest) trouble = manifest.error();
  if (manifest && recorded && *recorded != view.manifest_sha256)
    trouble = Error(ErrorCode::manifest_changed, {{"backup", id.str()}, {"job", id.job}});
  if (trouble && same_trouble(known, store.options.name, *trouble)) return {};
  TRY(record_adoption(view, trouble, recorded, work));
  if (trouble) {
    view.last_verification =
        Verification{verdict_of(*trouble), VerifyMode::full, tools_.take.clock.now(),
                     std::string(trouble->info().name)};
    return enter(view, std::nullopt, work);
  }
  const SetupPtr setup = this->setup();
  const JobSetup* const job = setup->job(id.job);
  const auto alarm = catalogue_->alarm(id.job, id.database);
  if (job == nullptr || (alarm && id < alarm->backup)) return enter(view, std::nullopt, work);
  auto before = catalogue_->of(id.job, id.database);
  std::erase_if(before, [&](const ArtefactView& one) { return one.id >= id; });
  return enter(view, judge(*manifest, baseline(before, job->options), job->options.plausibility),
               work);
}

Result<> BackupRoom::miss(const ArtefactView& artefact, const Work& work) {
  ledger::Entry entry =
      evidence::about(ledger::kind::kRecovered, artefact.id, work, tools_.take.clock.now());
  entry.ended_with(evidence::lost(artefact));
  entry.deviations.emplace_back("its manifest is gone from the store, and no expiry removed it");
  entry.deviations.emplace_back("what else there is of it stays in its folder");
  const auto alarm = catalogue_->alarm(artefact.id.job, artefact.id.database);
  if (alarm && alarm->backup == artefact.id && catalogue_->alarm_goes_with(artefact.id))
    entry.deviations.emplace_back("what it was suspected of freezes retention no longer");
  entry.artefacts.push_back({artefact.id.str(), artefact.manifest_sha256, artefact.stored});
  entry.follow_up = "vigie backup ack " + artefact.id.str() + " --reason …";
  TRY(record_once(artefact.id, entry));
  TRY(catalogue_->forget(artefact.id, tools_.take.clock.now()));
  entered(artefact.id);
  return {};
}

// Known under another store: that one has another name now, or what it held was moved here. What is
// there as well stays there: this is a copy.
Result<> BackupRoom::reconcile_moved(const StoreSetup& store, const ArtefactView& known,
                                     const Work& work) {
  const SetupPtr setup = this->setup();
  if (const StoreSetup* const other = setup->store(known.store)) {
    TRY_ASSIGN(const bool there, other->store->exists(known.id));
    if (there) return {};
  }
  TRY_ASSIGN(const std::string text, store::read_manifest(*store.store, known.id));
  if (sha256_hex(text) != known.manifest_sha256) return adopt(store, known.id, work);
  ArtefactView moved = known;
  moved.store = store.options.name;
  // The same store under another name holds the same bytes. Of a copy no byte was read: what was
  // good is not known to be, and what was bad is not known to be better.
  const auto same = catalogue_->store_id(known.store);
  if (!same || same != catalogue_->store_id(moved.store)) {
    moved.fully_verified_at.reset();
    if (moved.last_verification && moved.last_verification->result == Verdict::passed)
      moved.last_verification.reset();
  }
  return catalogue_->add(moved);
}

// One whose manifest could not be read is tried again.
Result<> BackupRoom::reconcile_listed(const StoreSetup& store, const BackupId& id,
                                      const Work& work) {
  // Asked first: when its run has ended by now, the catalogue knows it.
  if (at_work(id)) {
    doubt();
    return {};
  }
  // Also asked first: when its expiry has ended by now, the catalogue knows nothing of it.
  const bool expiring = catalogue_->is_expiring(id);
  const auto known = catalogue_->find(id);
  const bool read = known && !known->manifest_sha256.empty();
  if (expiring) {
    TRY(follow_store(store, id));
    return {};
  }
  if (read && known->store == store.options.name) return {};
  return read ? reconcile_moved(store, *known, work) : adopt(store, id, work);
}

// One that cannot be dealt with does not keep the others from it.
Result<> BackupRoom::take_in(const StoreSetup& store, const Work& work) {
  TRY_ASSIGN(const auto listed, store.store->list());
  std::optional<Error> first;
  for (const BackupId& id : listed) {
    if (work.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    if (copies_->stays_ours(id, store.options.name)) continue;
    const auto done = reconcile_listed(store, id, work);
    if (!done && !first) first = done.error();
  }
  if (first) return fail(*first);
  return {};
}

// Nothing is known of the database yet, and nobody has looked since the start: what lies there from
// before is what its first backup is compared with.
Result<> BackupRoom::take_in_earlier(const StoreSetup& store, const std::string& job,
                                     const std::string& database, const Work& work) {
  if (!catalogue_->of(job, database).empty()) return {};
  {
    const std::lock_guard lock(mutex_);
    if (reconciled_at_.contains(store.options.name)) return {};
  }
  TRY_ASSIGN(const auto listed, store.store->list());
  for (const BackupId& id : listed) {
    if (work.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    if (id.job == job && id.database == database) TRY(reconcile_listed(store, id, work));
  }
  return {};
}

Result<> BackupRoom::find_lost(const StoreSetup& store, const Work& work) {
  TRY_ASSIGN(const auto listed, store.store->list());
  const std::set<BackupId> there(listed.begin(), listed.end());
  for (const ArtefactView& one : catalogue_->all()) {
    // Where not all was taken in, what was moved would be taken for lost.
    if (work.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    if (one.store != store.options.name || there.contains(one.id)) continue;
    // Published or removed since the list was made: asked again.
    TRY_ASSIGN(const bool exists, store.store->exists(one.id));
    // In this order: an expiry that ends meanwhile takes it out of both at once.
    if (exists || catalogue_->is_expiring(one.id)) continue;
    const auto known = catalogue_->find(one.id);
    if (known && known->store == one.store) TRY(miss(one, work));
  }
  return {};
}

void BackupRoom::set_at_work(const std::string& job, const std::string& database, bool at_work) {
  const std::lock_guard lock(mutex_);
  if (at_work) {
    at_work_.emplace(job, database);
  } else if (const auto found = at_work_.find({job, database}); found != at_work_.end()) {
    at_work_.erase(found);
  }
}

// The catalogue may wait for its disk, and whoever asks for the view must not.
bool BackupRoom::at_work(const BackupId& id) {
  const bool may_be = [&] {
    const std::lock_guard lock(mutex_);
    return at_work_.contains({id.job, id.database});
  }();
  return may_be && !catalogue_->find(id);
}

bool BackupRoom::is_told(const BackupId& id, std::string_view what) const {
  const std::lock_guard lock(mutex_);
  return told_.contains({id, std::string(what)});
}

void BackupRoom::told(const BackupId& id, std::string_view what) {
  const std::lock_guard lock(mutex_);
  told_.emplace(id, what);
}

Result<> BackupRoom::record_once(const BackupId& id, const ledger::Entry& entry) {
  const std::string what = std::string(entry.kind) + " " + entry.error_code;
  if (is_told(id, what)) return {};
  TRY(tools_.record(entry));
  told(id, what);
  return {};
}

void BackupRoom::entered(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(told_, [&](const auto& one) { return one.first == id; });
}

void BackupRoom::clean_again() {
  const std::lock_guard lock(mutex_);
  clean_again_ = true;
}

void BackupRoom::doubt() {
  const std::lock_guard lock(mutex_);
  doubtful_ = true;
}

Result<> BackupRoom::keep_reconciled(const Work& work) {
  {
    const std::lock_guard lock(mutex_);
    const bool due = tools_.take.clock.monotonic() >= next_reconcile_;
    if (!std::exchange(doubtful_, false) && !due) return {};
  }
  return reconcile(work);
}

Result<> BackupRoom::reconcile(const Work& work) {
  const SetupPtr setup = this->setup();
  std::set<std::string> failed;
  const auto note = [&](const StoreSetup& store, const Result<>& done) {
    if (done) return;
    failed.insert(store.options.name);
    tools_.warn("backup.reconcile", done.error());
  };
  const SystemTime now = tools_.take.clock.now();
  // All before any is missed: what was moved from one store into another is not lost.
  const CallLimits limits = work.limits();
  for (const StoreSetup& store : setup->stores) note(store, take_in(store.within(limits), work));
  for (const StoreSetup& store : setup->stores) note(store, find_lost(store.within(limits), work));
  const bool all = failed.empty();
  for (const StoreSetup& store : setup->stores) {
    const std::lock_guard lock(mutex_);
    if (!failed.contains(store.options.name)) reconciled_at_[store.options.name] = now;
  }
  {
    const std::lock_guard lock(mutex_);
    reconciled_ = all;
    reconcile_pause_ =
        all ? kReconcileEvery
            : std::clamp<Duration>(reconcile_pause_ * 2, kReconcileAgain, kLongestPause);
    next_reconcile_ = tools_.take.clock.monotonic() + reconcile_pause_;
    if (all) reconcile_pause_ = {};
  }
  publish_view();
  return {};
}

}  // namespace vigie::backup
