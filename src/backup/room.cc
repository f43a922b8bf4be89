#include "backup/room.h"

#include <algorithm>

#include "backup/evidence.h"

namespace vigie::backup {
namespace {

template <class Item, class Name>
const Item* find_named(const std::vector<Item>& items, std::string_view name, Name name_of) {
  const auto found =
      std::ranges::find_if(items, [&](const Item& item) { return name_of(item) == name; });
  return found == items.end() ? nullptr : &*found;
}

std::optional<SystemTime> newest_good(const std::vector<ArtefactView>& artefacts,
                                      const BackupJobOptions& job) {
  for (auto one = artefacts.rbegin(); one != artefacts.rend(); ++one) {
    if (counts_as_good(*one, job)) return one->id.started_at;
  }
  return std::nullopt;
}

BackupJobView job_view(const JobSetup& job, const Catalogue& catalogue) {
  BackupJobView view;
  view.name = job.options.name;
  view.store = job.options.store;
  view.retention = in_words(job.options.retention);
  view.rpo_target = job.options.rpo_target;
  view.scrub_period = job.options.verify.scrub;
  view.verify_after_backup = job.options.verify.after_backup != VerifyAfterBackup::none;
  for (const std::string& database : job.options.databases) {
    view.databases.push_back({database,
                              newest_good(catalogue.of(job.options.name, database), job.options),
                              catalogue.alarm(job.options.name, database)});
  }
  return view;
}

StoreView observe(const StoreSetup& setup, SystemTime now) {
  StoreView view;
  view.name = setup.options.name;
  view.type = "local";
  view.observed_at = now;
  view.off_host = setup.store->features().off_host;
  const auto space = setup.store->space();
  view.reachable = space.has_value();
  if (!space) {
    view.error_code = space.error().info().name;
    return view;
  }
  view.total = space->total;
  view.available = space->available;
  view.reserve = setup.options.reserve.of(space->total);
  return view;
}

}  // namespace

const JobSetup* Setup::job(std::string_view name) const {
  return find_named(jobs, name,
                    [](const JobSetup& one) -> const std::string& { return one.options.name; });
}
const DatabaseOptions* Setup::database(std::string_view name) const {
  return find_named(databases, name,
                    [](const DatabaseOptions& one) -> const std::string& { return one.name; });
}
const StoreSetup* Setup::store(std::string_view name) const {
  return find_named(stores, name,
                    [](const StoreSetup& one) -> const std::string& { return one.options.name; });
}

BackupRoom::BackupRoom(RoomTools tools, std::unique_ptr<Catalogue> catalogue, DeadRuns dead,
                       SetupPtr setup)
    : tools_(std::move(tools)),
      catalogue_(std::move(catalogue)),
      dead_(std::move(dead)),
      setup_(std::move(setup)) {
  const auto expiring = catalogue_->expiring();
  leftover_.insert(expiring.begin(), expiring.end());
}

Result<std::unique_ptr<BackupRoom>> BackupRoom::open(RoomTools tools,
                                                     const platform::Path& state_db,
                                                     SetupPtr setup) {
  TRY_ASSIGN(auto catalogue, Catalogue::open(state_db));
  TRY_ASSIGN(auto dead, DeadRuns::open(state_db));
  std::unique_ptr<BackupRoom> room(
      new BackupRoom(std::move(tools), std::move(catalogue), std::move(dead), std::move(setup)));
  room->publish_view();
  return room;
}

void BackupRoom::configure(SetupPtr setup) {
  {
    const std::lock_guard lock(mutex_);
    setup_ = std::move(setup);
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
  auto view = std::make_shared<BackupsView>();
  view->observed_at = tools_.take.clock.now();
  view->artefacts = catalogue_->all();
  for (const JobSetup& job : setup()->jobs) view->jobs.push_back(job_view(job, *catalogue_));
  const std::lock_guard lock(mutex_);
  view->reconciled = reconciled_;
  view->stores = stores_;
  view_ = std::move(view);
}

void BackupRoom::observe_stores() {
  std::vector<StoreView> stores;
  for (const StoreSetup& one : setup()->stores)
    stores.push_back(observe(one, tools_.take.clock.now()));
  {
    const std::lock_guard lock(mutex_);
    stores_ = std::move(stores);
  }
  publish_view();
}

Result<> BackupRoom::pin(const BackupId& id, const Work& work) {
  TRY(catalogue_->get(id));
  const SystemTime now = tools_.take.clock.now();
  ledger::Entry entry = evidence::about(ledger::kind::kHold, id, work, now);
  entry.subject["act"] = "pin";
  TRY(tools_.record(entry));
  TRY(catalogue_->hold(id, {"pin", work.trigger.reason, now}));
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

Result<> BackupRoom::acknowledge(const BackupId& id, const Work& work) {
  const auto alarm = catalogue_->alarm(id.job, id.database);
  if (!alarm || alarm->backup != id)
    return fail(ErrorCode::backup_not_found, {{"backup", id.str()}});
  TRY(tools_.record(
      evidence::about(ledger::kind::kAcknowledgement, id, work, tools_.take.clock.now())));
  TRY(catalogue_->acknowledge(id));
  publish_view();
  return {};
}

std::vector<PrunePlan> BackupRoom::plan(const std::optional<std::string>& job) const {
  const SetupPtr setup = this->setup();
  std::vector<PrunePlan> plans;
  for (const JobSetup& one : setup->jobs) {
    if (job && *job != one.options.name) continue;
    for (const std::string& database : one.options.databases) {
      plans.push_back(plan_prune(*catalogue_, one.options, database, one.zone));
    }
  }
  return plans;
}

Result<std::string> BackupRoom::manifest(const BackupId& id) const {
  TRY_ASSIGN(const auto artefact, catalogue_->get(id));
  const SetupPtr setup = this->setup();
  const StoreSetup* const store = setup->store(artefact.store);
  if (store == nullptr) return fail(ErrorCode::store_not_found, {{"store", artefact.store}});
  return store::read_manifest(*store->store, id);
}

}  // namespace vigie::backup
