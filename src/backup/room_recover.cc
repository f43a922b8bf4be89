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
  return view;
}

// A server that hangs keeps those behind it waiting this long.
constexpr auto kServerPatience = std::chrono::seconds(5);

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

bool same_trouble(const std::optional<ArtefactView>& known, const Error& trouble) {
  return known && known->last_verification &&
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
  chore.pause = std::min<Duration>(chore.pause * 2, std::chrono::minutes(10));
  return done;
}

Result<> BackupRoom::note_dead(const RunId& run) {
  std::vector<std::string> names;
  for (const DatabaseOptions& one : setup()->databases) names.push_back(one.name);
  return dead_.add(run, names);
}

Result<> BackupRoom::end_dead_sessions(const std::string& database, const Work& work) {
  TRY_ASSIGN(const auto runs, dead_.runs_on(database));
  const SetupPtr setup = this->setup();
  const DatabaseOptions* const found = setup->database(database);
  if (found != nullptr) {
    const platform::CallLimits limits{tools_.take.clock.monotonic() + kServerPatience, work.stop};
    TRY(end_sessions(tools_.take.postgres, found->dsn, runs, limits));
  }
  // One that is not configured any more cannot be asked.
  return dead_.forget(runs, database);
}

bool BackupRoom::end_dead_sessions(const Work& work) {
  if (!is_due(sessions_chore_)) return sessions_chore_.done;
  const auto databases = dead_.databases();
  bool all = databases.has_value();
  if (!databases) tools_.warn("backup.leftovers", databases.error());
  for (size_t i = 0; databases && i < databases->size() && !work.stop.stop_requested(); ++i) {
    const auto ended = end_dead_sessions(databases->at(i), work);
    if (!ended) tools_.warn("backup.leftovers", ended.error());
    all = all && ended;
  }
  return tried(sessions_chore_, all && !work.stop.stop_requested());
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
  for (const BackupId& id : debris) {
    if (at_work_before.contains({id.job, id.database}) || at_work(id)) {
      all = false;
      continue;
    }
    TRY_ASSIGN(const bool published, store.store->exists(id));
    if (!published) TRY(store.store->remove(id));
  }
  return all;
}

bool BackupRoom::remove_debris() {
  const SetupPtr setup = this->setup();
  bool all = true;
  for (const StoreSetup& one : setup->stores) {
    const auto removed = remove_debris(one);
    if (!removed) tools_.warn("backup.debris", removed.error());
    all = all && removed && *removed;
  }
  return all;
}

bool BackupRoom::clean_stores(const Work& work) {
  if (!is_due(stores_chore_)) return stores_chore_.done;
  const auto finished = finish_expiry(work);
  if (!finished) tools_.warn("backup.expiry", finished.error());
  const bool removed = remove_debris();
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
  return tools_.record(entry);
}

// Published, and not in the catalogue: a crash came first, or the state folder is a new one.
Result<> BackupRoom::adopt(const StoreSetup& store, const BackupId& id, const Work& work) {
  TRY_ASSIGN(const auto recorded, this->recorded(id));
  const auto text = store::read_manifest(*store.store, id);
  const auto manifest = text ? artefact::Manifest::parse(*text, id) : tl::unexpected(text.error());
  ArtefactView view = manifest ? view_of(*manifest, store.options.name, sha256_hex(*text))
                               : unread_view(id, store.options.name);
  std::optional<Error> trouble;
  if (!manifest) trouble = manifest.error();
  if (manifest && recorded && *recorded != view.manifest_sha256)
    trouble = Error(ErrorCode::manifest_changed, {{"backup", id.str()}, {"job", id.job}});
  if (trouble && same_trouble(catalogue_->find(id), *trouble)) return {};
  TRY(record_adoption(view, trouble, recorded, work));
  if (trouble) {
    view.last_verification =
        Verification{verdict_of(*trouble), VerifyMode::full, tools_.take.clock.now(),
                     std::string(trouble->info().name)};
    return catalogue_->add(view);
  }
  const SetupPtr setup = this->setup();
  const JobSetup* const job = setup->job(id.job);
  const auto alarm = catalogue_->alarm(id.job, id.database);
  if (job == nullptr || (alarm && id < alarm->backup)) return enter(view, std::nullopt, work);
  return enter(view, judge(*manifest, good_before(id, job->options), job->options.plausibility),
               work);
}

Result<> BackupRoom::miss(const ArtefactView& artefact, const Work& work) {
  ledger::Entry entry =
      evidence::about(ledger::kind::kRecovered, artefact.id, work, tools_.take.clock.now());
  entry.ended_with(evidence::lost(artefact));
  entry.deviations.emplace_back("its manifest is gone from the store, and no expiry removed it");
  const auto alarm = catalogue_->alarm(artefact.id.job, artefact.id.database);
  if (alarm && alarm->backup == artefact.id)
    entry.deviations.emplace_back("what it was suspected of freezes retention no longer");
  entry.artefacts.push_back({artefact.id.str(), artefact.manifest_sha256, artefact.stored});
  entry.follow_up = "vigie doctor";
  TRY(tools_.record(entry));
  return catalogue_->forget(artefact.id);
}

// One whose manifest could not be read is tried again.
Result<> BackupRoom::reconcile_listed(const StoreSetup& store, const BackupId& id,
                                      const Work& work) {
  // Asked first: when its run has ended by now, the catalogue knows it.
  if (at_work(id)) {
    doubt();
    return {};
  }
  const auto known = catalogue_->find(id);
  if (known && !known->manifest_sha256.empty()) return {};
  if (std::ranges::count(catalogue_->expiring(), id) > 0) return {};
  return adopt(store, id, work);
}

// One that cannot be dealt with does not keep the others from it.
Result<> BackupRoom::reconcile_store(const StoreSetup& store, const Work& work) {
  TRY_ASSIGN(const auto listed, store.store->list());
  const std::set<BackupId> there(listed.begin(), listed.end());
  std::optional<Error> first;
  for (const BackupId& id : listed) {
    if (work.stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    const auto done = reconcile_listed(store, id, work);
    if (!done && !first) first = done.error();
  }
  for (const ArtefactView& one : catalogue_->all()) {
    if (one.store != store.options.name || there.contains(one.id)) continue;
    // Published or removed since the list was made: asked again.
    TRY_ASSIGN(const bool exists, store.store->exists(one.id));
    if (!exists && catalogue_->find(one.id)) TRY(miss(one, work));
  }
  if (first) return fail(*first);
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

bool BackupRoom::at_work(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  return at_work_.contains({id.job, id.database}) && !catalogue_->find(id);
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
  bool all = true;
  for (const StoreSetup& store : setup->stores) {
    const SystemTime now = tools_.take.clock.now();
    const auto done = reconcile_store(store, work);
    if (done) {
      const std::lock_guard lock(mutex_);
      reconciled_at_[store.options.name] = now;
    } else {
      all = false;
      doubt();
      tools_.warn("backup.reconcile", done.error());
    }
  }
  {
    const std::lock_guard lock(mutex_);
    reconciled_ = all;
    next_reconcile_ = tools_.take.clock.monotonic() + kReconcileEvery;
  }
  publish_view();
  return {};
}

}  // namespace vigie::backup
