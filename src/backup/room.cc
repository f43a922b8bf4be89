#include "backup/room.h"

#include <algorithm>

#include "backup/evidence.h"
#include "platform/system_info.h"

namespace vigie::backup {
namespace {

template <class Item, class Name>
const Item* find_named(const std::vector<Item>& items, std::string_view name, Name name_of) {
  const auto found =
      std::ranges::find_if(items, [&](const Item& item) { return name_of(item) == name; });
  return found == items.end() ? nullptr : &*found;
}

DatabaseView database_view(const std::string& database, const JobSetup& job, const Setup& setup,
                           const Catalogue& catalogue, SystemTime now) {
  DatabaseView view{database, std::nullopt, catalogue.alarm(job.options.name, database)};
  const auto artefacts = catalogue.of(job.options.name, database);
  for (auto one = artefacts.rbegin(); one != artefacts.rend(); ++one) {
    // Nobody can look at what lies in a store that is not configured any more.
    if (!counts_as_good(*one, job.options) || setup.store(one->store) == nullptr) continue;
    if (!one->is_of_the_future(now)) {
      view.last_success = one->id.started_at;
      break;
    }
    view.dated_ahead = true;
  }
  return view;
}

BackupJobView job_view(const JobSetup& job, const Setup& setup, const Catalogue& catalogue,
                       SystemTime now) {
  BackupJobView view;
  view.name = job.options.name;
  view.store = job.options.store;
  for (const CopyOptions& one : job.options.copies) view.copies.push_back(one.store);
  view.retention = in_words(job.options.retention);
  view.rpo_target = job.options.rpo_target;
  view.scrub_period = job.options.verify.scrub;
  view.verify_after_backup = job.options.verify.after_backup != VerifyAfterBackup::none;
  for (const std::string& database : job.options.databases)
    view.databases.push_back(database_view(database, job, setup, catalogue, now));
  return view;
}

StoreView unseen(const StoreSetup& setup) {
  StoreView view;
  view.name = setup.options.name;
  view.type = store::to_string(setup.options.type);
  view.off_host = setup.off_host();
  return view;
}

void note_failure(StoreView& view, const Error& error) {
  // Who did not answer in the time that it had.
  const bool late = error.code() == ErrorCode::deadline_exceeded;
  view.reachable = false;
  view.error_code = late ? error_info(ErrorCode::store_unreachable).name : error.info().name;
}

// A store over the network that does not answer keeps those behind it waiting this long.
constexpr auto kStorePatience = std::chrono::seconds(15);
constexpr auto kManifestPatience = std::chrono::seconds(60);

StoreView observe(const StoreSetup& setup, const platform::Clock& clock) {
  StoreView view = unseen(setup);
  view.observed_at = clock.now();
  const auto store = setup.store->within({clock.monotonic() + kStorePatience, {}});
  view.knows_space = store->features().knows_space;
  view.reachable = true;
  if (!view.knows_space) {
    if (const auto looked = store->look(""); !looked) note_failure(view, looked.error());
    return view;
  }
  const auto space = store->space();
  if (!space) {
    note_failure(view, space.error());
    return view;
  }
  view.total = space->total;
  view.available = space->available;
  view.reserve = setup.options.reserve.of(space->total);
  return view;
}

// What was last seen of each store that is configured now.
std::vector<StoreView> store_views(const std::vector<StoreSetup>& setup,
                                   const std::vector<StoreView>& seen) {
  std::vector<StoreView> views;
  for (const StoreSetup& one : setup) {
    const StoreView* const found =
        find_named(seen, one.options.name,
                   [](const StoreView& view) -> const std::string& { return view.name; });
    views.push_back(found == nullptr ? unseen(one) : *found);
  }
  return views;
}

// Who this state folder is for its stores: drawn once, in a file of its own, so that a lost
// state.db does not make another of it.
Result<std::string> read_owner_id(const RoomTools& tools) {
  const platform::Path path = tools.staging.parent_path() / "owner";
  const auto text = platform::read_file(tools.take.files, path, 1_KiB);
  if (!text && text.error().code() != ErrorCode::file_not_found) return text;
  if (text && text->size() == 33) return text->substr(0, 32);
  if (text) return fail(ErrorCode::file_corrupt, {{"path", path.string()}, {"reason", "no id"}});
  std::string id = new_run_id().str();
  // Who only looks leaves no trace.
  if (!tools.database.copy) TRY(platform::write_file_new(tools.take.files, path, id + "\n"));
  return id;
}

}  // namespace

const JobSetup* Setup::job(std::string_view name) const {
  return find_named(jobs, name,
                    [](const JobSetup& one) -> const std::string& { return one.options.name; });
}
Result<const JobSetup*> Setup::get_job(std::string_view name) const {
  if (const JobSetup* const found = job(name)) return found;
  return fail(ErrorCode::backup_job_not_found, {{"job", std::string(name)}});
}
const JobSetup* Setup::job_of(const BackupId& id) const {
  const JobSetup* const found = job(id.job);
  const bool takes = found != nullptr && std::ranges::count(found->options.databases, id.database);
  return takes ? found : nullptr;
}
const DatabaseOptions* Setup::database(std::string_view name) const {
  return find_named(databases, name,
                    [](const DatabaseOptions& one) -> const std::string& { return one.name; });
}
const StoreSetup* Setup::store(std::string_view name) const {
  return find_named(stores, name,
                    [](const StoreSetup& one) -> const std::string& { return one.options.name; });
}

bool Setup::is_copy(const BackupId& id, std::string_view store) const {
  const JobSetup* const job = job_of(id);
  return job != nullptr && job->options.store != store &&
         std::ranges::count(job->options.copies, store, &CopyOptions::store) > 0;
}

void Outcome::note(Verdict part, const std::optional<Error>& why) {
  const bool worse = part != verdict && part != Verdict::passed && verdict != Verdict::failed;
  if (worse) verdict = part;
  if (worse || !error) error = why;
}

void Outcome::tell(std::string_view key, const std::string& database,
                   const std::vector<Error>& what) {
  json::value& all = result[key];
  if (!all.is_array()) all = json::array();
  for (const Error& one : what)
    all.get_array().push_back(json::object{{"database", database},
                                           {"code", one.info().name},
                                           {"detail", one.detail(Audience::everybody)}});
}

BackupRoom::BackupRoom(RoomTools tools, std::string owner_id, std::unique_ptr<Catalogue> catalogue,
                       std::unique_ptr<CopyBook> copies, DeadRuns dead, SetupPtr setup)
    : tools_(std::move(tools)),
      owner_id_(std::move(owner_id)),
      catalogue_(std::move(catalogue)),
      copies_(std::make_unique<CopyRoom>(originals(), std::move(copies))),
      dead_(std::move(dead)),
      setup_(in_care(std::move(setup))) {
  const auto expiring = catalogue_->expiring();
  leftover_.insert(expiring.begin(), expiring.end());
}

Originals BackupRoom::originals() {
  return {.clock = tools_.take.clock,
          .catalogue = *catalogue_,
          .record = tools_.record,
          .recorded = [this](const BackupId& id) { return recorded(id); },
          .warn = tools_.warn,
          .setup = [this] { return setup(); },
          .read = [this](const BackupId& id, std::string reason,
                         const CallLimits& limits) { return read(id, std::move(reason), limits); },
          .verify = [this](const BackupId& id,
                           const Work& work) { return verify(id, VerifyMode::full, work); },
          .changed = [this] { publish_view(); }};
}

// Each store behind its marker.
SetupPtr BackupRoom::in_care(SetupPtr setup) const {
  auto cared = std::make_shared<Setup>(*setup);
  const store::Owner owner{owner_id_, platform::host_name(), tools_.staging.parent_path().string()};
  Catalogue* const catalogue = catalogue_.get();
  const store::StoreMemory memory{
      [catalogue](const std::string& name) { return catalogue->store_id(name); },
      [catalogue](const std::string& name, const std::string& store_id) {
        return catalogue->remember_store(name, store_id);
      }};
  for (StoreSetup& one : cared->stores) {
    one.owned = std::make_shared<store::OwnedStore>(one.store, owner, memory, tools_.take.clock);
    one.store = one.owned;
  }
  return cared;
}

Result<std::unique_ptr<BackupRoom>> BackupRoom::open(RoomTools tools,
                                                     const platform::Path& state_db,
                                                     SetupPtr setup) {
  TRY_ASSIGN(auto catalogue, Catalogue::open(state_db, tools.database));
  TRY_ASSIGN(auto copies, CopyBook::open(state_db, tools.database));
  TRY_ASSIGN(auto dead, DeadRuns::open(state_db, tools.database));
  TRY_ASSIGN(auto owner, read_owner_id(tools));
  std::unique_ptr<BackupRoom> room(new BackupRoom(std::move(tools), std::move(owner),
                                                  std::move(catalogue), std::move(copies),
                                                  std::move(dead), std::move(setup)));
  room->publish_view();
  return room;
}

void BackupRoom::configure(SetupPtr setup) {
  SetupPtr cared = in_care(std::move(setup));
  {
    const std::lock_guard lock(mutex_);
    setup_ = std::move(cared);
    doubtful_ = true;     // other stores may lie there
    clean_again_ = true;  // and one that is back may hold what is left of an expiry
  }
  publish_view();
}

SetupPtr BackupRoom::setup() const {
  const std::lock_guard lock(mutex_);
  return setup_;
}

BackupsViewPtr BackupRoom::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

void BackupRoom::publish_view() {
  const std::lock_guard publishing(publishing_);
  auto view = std::make_shared<BackupsView>();
  view->observed_at = tools_.take.clock.now();
  view->artefacts = catalogue_->all();
  view->losses = catalogue_->losses();
  view->copies = copies_->all();
  view->copy_attempts = copies_->attempts();
  view->copy_remains = copies_->remains();
  const SetupPtr setup = this->setup();
  for (ArtefactView& one : view->artefacts)
    one.configured = setup->job_of(one.id) != nullptr && setup->store(one.store) != nullptr;
  for (const JobSetup& job : setup->jobs)
    view->jobs.push_back(job_view(job, *setup, *catalogue_, view->observed_at));
  const std::lock_guard lock(mutex_);
  view->reconciled = reconciled_;
  for (BackupJobView& job : view->jobs) {
    if (const auto at = reconciled_at_.find(job.store); at != reconciled_at_.end())
      job.reconciled_at = at->second;
  }
  view->stores = store_views(setup->stores, stores_);
  view_ = std::move(view);
}

void BackupRoom::observe_stores() {
  std::vector<StoreView> stores;
  for (const StoreSetup& one : setup()->stores) stores.push_back(observe(one, tools_.take.clock));
  {
    const std::lock_guard lock(mutex_);
    stores_ = std::move(stores);
  }
  publish_view();
}

// Held first: what is expiring refuses, and the ledger must not say that it was pinned.
Result<> BackupRoom::pin(const BackupId& id, const Work& work) {
  TRY_ASSIGN(const auto artefact, catalogue_->get(id));
  const SystemTime now = tools_.take.clock.now();
  ledger::Entry entry = evidence::about(ledger::kind::kHold, id, work, now);
  entry.subject["act"] = "pin";
  TRY(catalogue_->hold(id, {"pin", work.trigger.reason, now}));
  if (const auto recorded = tools_.record(entry); !recorded) {
    const auto before = std::ranges::find(artefact.holds, "pin", &Hold::kind);
    TRY(before == artefact.holds.end() ? catalogue_->release(id, "pin")
                                       : catalogue_->hold(id, *before));
    return recorded;
  }
  publish_view();
  return {};
}

Result<> BackupRoom::unpin(const BackupId& id, const Work& work) {
  TRY(catalogue_->get(id));
  ledger::Entry entry = evidence::about(ledger::kind::kHold, id, work, tools_.take.clock.now());
  entry.subject["act"] = "unpin";
  TRY(tools_.record(entry));
  TRY(catalogue_->release(id, "pin"));
  publish_view();
  return {};
}

// Where nobody will ever find it lost.
bool BackupRoom::lies_in_no_store(const BackupId& id) const {
  const SetupPtr setup = this->setup();
  const auto known = catalogue_->find(id);
  return known && setup->store(known->store) == nullptr;
}

Result<> BackupRoom::acknowledge(const BackupId& id, const Work& work) {
  // That it is gone is one thing, and what it was suspected of another: a second word for that.
  if (catalogue_->is_lost(id)) return give_up(id, work);
  const auto alarm = catalogue_->alarm(id.job, id.database);
  if (!alarm || alarm->backup != id) return give_up_copies(id, work);
  TRY(tools_.record(
      evidence::about(ledger::kind::kAcknowledgement, id, work, tools_.take.clock.now())));
  TRY(catalogue_->acknowledge(id));
  publish_view();
  return {};
}

Result<> BackupRoom::give_up(const BackupId& id, const Work& work) {
  const bool forsaken = lies_in_no_store(id);
  if (!forsaken && !catalogue_->is_lost(id)) return nothing_to_acknowledge(id);
  const SystemTime now = tools_.take.clock.now();
  auto entry = evidence::about(ledger::kind::kAcknowledgement, id, work, now);
  entry.subject["act"] = error_info(ErrorCode::backup_lost).name;
  TRY(tools_.record(entry));
  if (forsaken) TRY(catalogue_->forget(id, now));
  TRY(catalogue_->acknowledge_loss(id));
  publish_view();
  return {};
}

bool BackupRoom::has_good_original(const BackupId& id) const {
  const SetupPtr setup = this->setup();
  const auto original = catalogue_->find(id);
  const JobSetup* const job = setup->job_of(id);
  return original && job != nullptr && counts_as_good(*original, job->options);
}

// Beside a good original a damaged copy is replaced by itself.
Result<> BackupRoom::give_up_copies(const BackupId& id, const Work& work) {
  const auto stores = copies_->of_no_use(id);
  if (stores.empty() || has_good_original(id)) return nothing_to_acknowledge(id);
  auto entry = evidence::about(ledger::kind::kAcknowledgement, id, work, tools_.take.clock.now());
  entry.subject["act"] = "copy_give_up";
  entry.subject["stores"] = json::array(stores.begin(), stores.end());
  TRY(tools_.record(entry));
  return copies_->give_up(id, stores);
}

Result<> BackupRoom::nothing_to_acknowledge(const BackupId& id) const {
  if (!catalogue_->find(id) && copies_->any(id))
    return fail(ErrorCode::nothing_to_acknowledge,
                {{"name", "backup " + id.str() + " (it is gone, and no copy of it is damaged)"}});
  TRY_ASSIGN(const ArtefactView view, catalogue_->get(id));
  std::string name = "backup " + id.str();
  if (lies_in_no_store(id)) name += " (its store is not configured: --lost gives it up)";
  // Retention sees to it by itself.
  if (view.verdict() == Verdict::failed)
    name += " (damaged: it counts for nothing, and expires when all that are kept are newer)";
  else if (!copies_->of_no_use(id).empty())
    name += " (its damaged copy is replaced: vigie backup copy " + id.job + ")";
  return fail(ErrorCode::nothing_to_acknowledge, {{"name", std::move(name)}});
}

Result<> BackupRoom::adopt_store(const std::string& store, const Work& work) {
  const SetupPtr setup = this->setup();
  const StoreSetup* const found = setup->store(store);
  if (found == nullptr) return fail(ErrorCode::store_not_found, {{"store", store}});
  TRY_ASSIGN(const auto before, found->owned->other_owner());
  const SystemTime now = tools_.take.clock.now();
  ledger::Entry entry = evidence::entry(ledger::kind::kAcknowledgement, work, now, now);
  entry.result = ledger::Outcome::passed;
  entry.subject = {{"act", "store_adopt"}, {"store", store}};
  if (before) entry.subject["owner_before"] = before->id;
  TRY(tools_.record(entry));
  if (const auto taken = found->owned->take_over(); !taken) {
    entry.ended_with(taken.error());
    TRY(tools_.record(entry));
    return taken;
  }
  {
    // Nothing of what lies there is known yet.
    const std::lock_guard lock(mutex_);
    reconciled_at_.erase(store);
  }
  doubt();
  clean_again();
  observe_stores();
  return {};
}

std::vector<PrunePlan> BackupRoom::plan(const std::optional<std::string>& job) const {
  const SetupPtr setup = this->setup();
  std::vector<PrunePlan> plans;
  for (const JobSetup& one : setup->jobs) {
    if (job && *job != one.options.name) continue;
    for (const std::string& database : one.options.databases)
      plans.push_back(plan_for(one, database));
  }
  for (const ArtefactView& one : catalogue_->all()) {
    if (setup->job_of(one.id) != nullptr || (job && *job != one.id.job)) continue;
    plans.push_back(
        {one.id.job,
         one.id.database,
         {{one.id, true, {"no job of the configuration takes it: it stays"}, one.known_stored()}}});
  }
  return plans;
}

Result<std::optional<std::string>> BackupRoom::recorded(const BackupId& id) const {
  auto known = tools_.recorded(id);
  if (known || known.error().code() == ErrorCode::cancelled) return known;
  return fail(ErrorCode::ledger_unreadable,
              {{"backup", id.str()}, {"reason", std::string(known.error().info().name)}});
}

Result<std::string> BackupRoom::manifest(const BackupId& id) const {
  TRY_ASSIGN(const auto artefact, catalogue_->get(id));
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  // Whoever asks for it waits.
  const CallLimits limits{tools_.take.clock.monotonic() + kManifestPatience, {}};
  return store::read_manifest(*store->store->within(limits), id);
}

}  // namespace vigie::backup
