// Removing what retention no longer keeps.
#include <algorithm>
#include <set>

#include "backup/evidence.h"
#include "backup/room.h"
#include "platform/failpoint.h"

namespace vigie::backup {

namespace {

constexpr auto kSettle = std::chrono::seconds(30);

// An entry names each artefact that went, and a line of the ledger has a bound. Before each batch
// it is decided anew.
constexpr size_t kBatch = 50;

std::vector<std::vector<BackupId>> in_batches(const std::vector<BackupId>& ids) {
  std::vector<std::vector<BackupId>> batches(1);
  for (const BackupId& id : ids) {
    if (batches.back().size() == kBatch) batches.emplace_back();
    batches.back().push_back(id);
  }
  return batches;
}

void note_first(std::optional<Error>& first, const Error& error) {
  if (!first) first = error;
}

}  // namespace

// The store first, then the ledger, then the catalogue: what is expiring is written down before the
// first removal. One that cannot be removed does not keep the others from it.
BackupRoom::Removed BackupRoom::remove_artefacts(const std::vector<BackupId>& ids,
                                                 const Work& work) {
  const SetupPtr setup = this->setup();
  Removed removed;
  for (const BackupId& id : ids) {
    if (work.stop.stop_requested()) {
      note_first(removed.error, Error(ErrorCode::cancelled, {{"reason", "asked for"}}));
      break;
    }
    const auto artefact = catalogue_->find(id);
    const StoreSetup* const store = artefact ? setup->store(artefact->store) : nullptr;
    if (store == nullptr)
      continue;  // its store is not configured any more: nothing of it is touched
    if (const auto gone = store->store->within(work.limits())->remove(id); !gone) {
      note_first(removed.error, gone.error());
      continue;
    }
    platform::failpoint("backup.after_remove");
    removed.artefacts.push_back(*artefact);
  }
  return removed;
}

// Not what an earlier expiry left, which clean_stores decides about, and nothing in a store that is
// not configured: nobody could say later whether its removal had begun.
std::vector<BackupId> BackupRoom::removable(std::vector<BackupId> ids) const {
  const SetupPtr setup = this->setup();
  std::erase_if(ids, [&](const BackupId& id) {
    const auto artefact = catalogue_->find(id);
    return is_leftover(id) || !artefact || setup->store(artefact->store) == nullptr;
  });
  return ids;
}

Result<BackupRoom::Expired> BackupRoom::expire_some(const PrunePlan& plan,
                                                    const std::vector<BackupId>& wanted,
                                                    size_t kept_before, const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  TRY_ASSIGN(const auto ids, catalogue_->begin_expiry(wanted));
  platform::failpoint("backup.after_begin_expiry");
  const auto [gone, error] = remove_artefacts(ids, work);
  ledger::Entry entry = evidence::pruned(plan.job, plan.database, gone, kept_before - gone.size(),
                                         error, work, started_at, tools_.take.clock.now());
  for (const BackupId& id : wanted) {
    if (!std::ranges::count(ids, id))
      entry.deviations.push_back(id.str() +
                                 " is not removed here: since the plan was made it is "
                                 "held, an alarm waits, or another expiry has it");
  }
  auto recorded = tools_.record(entry);
  platform::failpoint("backup.after_prune_ledger");
  if (recorded) recorded = forget_expired(gone);
  settle_expiry(ids);
  if (!recorded) return fail(recorded.error());
  return Expired{gone.size(), error};
}

PrunePlan BackupRoom::plan_for(const JobSetup& job, const std::string& database) const {
  const SetupPtr setup = this->setup();
  return plan_prune(*catalogue_, job.options, database, job.zone, tools_.take.clock.now(),
                    [&](const ArtefactView& one) {
                      return setup->store(one.store) != nullptr && !catalogue_->is_expiring(one.id);
                    });
}

// Of those that the plan keeps. What lies in a store that is not configured is not asked for.
Result<std::vector<ArtefactView>> BackupRoom::vanished(const PrunePlan& plan,
                                                       const CallLimits& limits) const {
  const SetupPtr setup = this->setup();
  std::vector<ArtefactView> gone;
  for (const PruneDecision& one : plan.decisions) {
    const auto artefact = one.keep ? catalogue_->find(one.id) : std::nullopt;
    const StoreSetup* const store = artefact ? setup->store(artefact->store) : nullptr;
    if (store == nullptr || catalogue_->is_expiring(one.id)) continue;
    TRY_ASSIGN(const bool there, store->within(limits).store->exists(one.id));
    if (!there) gone.push_back(*artefact);
  }
  return gone;
}

// The catalogue is a cache: nothing goes for the sake of what it knows and its store has lost.
Result<PrunePlan> BackupRoom::plan_of_what_is_there(const JobSetup& job,
                                                    const std::string& database, const Work& work) {
  while (true) {
    PrunePlan plan = plan_for(job, database);
    if (plan.expired().empty()) return plan;
    TRY_ASSIGN(const auto gone, vanished(plan, work.limits()));
    if (gone.empty()) return plan;
    for (const ArtefactView& one : gone) TRY(miss(one, work));
  }
}

// By the configuration in force now, which may not be that with which the run began.
Result<std::optional<PrunePlan>> BackupRoom::plan_now(const std::string& job,
                                                      const std::string& database,
                                                      const Work& work) {
  const SetupPtr setup = this->setup();
  const JobSetup* const found = setup->job(job);
  if (found == nullptr || !std::ranges::count(found->options.databases, database))
    return std::optional<PrunePlan>();
  TRY_ASSIGN(auto plan, plan_of_what_is_there(*found, database, work));
  return std::optional(std::move(plan));
}

// Planned anew for each batch: damage, an alarm, a pin or another configuration may come meanwhile.
// What was tried is not tried twice. A first batch may be empty: a prune that finds nothing to do
// is an entry as well.
BackupRoom::Expired BackupRoom::expire(const std::string& job, const std::string& database,
                                       const Work& work) {
  Expired all;
  std::set<BackupId> tried;
  for (bool first = true; !work.stop.stop_requested() || first; first = false) {
    const auto plan = plan_now(job, database, work);
    if (!plan) note_first(all.error, plan.error());
    if (!plan || !*plan) break;
    std::vector<BackupId> batch = removable((*plan)->expired());
    std::erase_if(batch, [&](const BackupId& id) { return tried.contains(id); });
    batch.resize(std::min(batch.size(), kBatch));
    if (batch.empty() && !first) break;
    tried.insert(batch.begin(), batch.end());
    const auto some = expire_some(**plan, batch, (*plan)->decisions.size(), work);
    // What cannot be written down must not go on.
    if (!some) note_first(all.error, some.error());
    if (!some) break;
    all.gone += some->gone;
    if (some->error) note_first(all.error, *some->error);
  }
  publish_view();
  return all;
}

// Of those that were to go, and are not gone with an entry: one whose removal did not begin is as
// any other, and the next plan decides about it. The rest is finished by clean_stores.
void BackupRoom::settle_expiry(const std::vector<BackupId>& ids) {
  // The run itself may be over.
  const CallLimits limits{tools_.take.clock.monotonic() + kSettle, {}};
  for (const BackupId& id : ids) {
    if (!catalogue_->is_expiring(id)) continue;
    {
      const std::lock_guard lock(mutex_);
      leftover_.insert(id);
    }
    if (const auto began = removal_began(id, limits); !began || *began) clean_again();
  }
}

Outcome BackupRoom::prune(const std::optional<std::string>& job, const Work& work) {
  const SetupPtr setup = this->setup();
  if (job)
    if (const auto named = setup->get_job(*job); !named) return Outcome::of(named.error());
  Outcome outcome;
  size_t gone = 0;
  size_t kept = 0;
  for (const JobSetup& one : setup->jobs) {
    if (job && *job != one.options.name) continue;
    for (const std::string& database : one.options.databases) {
      if (work.stop.stop_requested()) break;
      const Expired expired = expire(one.options.name, database, work);
      gone += expired.gone;
      kept += catalogue_->of(one.options.name, database).size();
      if (expired.error) outcome.note(expired.error->info().verdict, expired.error);
    }
  }
  if (work.stop.stop_requested() && !outcome.error) {
    const Error error(ErrorCode::cancelled, {{"reason", "asked for"}});
    outcome.note(error.info().verdict, error);
  }
  outcome.result = {{"expired", gone}, {"kept", kept}};
  return outcome;
}

// The manifest goes first: as long as it is there, nothing has begun, and what was decided then is
// not carried out now: an alarm, a pin or another configuration may have come since. Nothing is
// known of what lies in a store that is not configured now: it is left for the day when it is
// again.
Result<bool> BackupRoom::removal_began(const BackupId& id, const CallLimits& limits) {
  const auto artefact = catalogue_->find(id);
  if (artefact) {
    const SetupPtr setup = this->setup();
    const StoreSetup* const store = setup->store(artefact->store);
    if (store == nullptr) return false;
    TRY_ASSIGN(const bool whole, store->within(limits).store->exists(id));
    if (!whole) return true;
  }
  TRY(catalogue_->keep(id));
  finished(id);
  return false;
}

Result<> BackupRoom::finish_some(const std::vector<BackupId>& begun, const Work& work) {
  const SystemTime now = tools_.take.clock.now();
  const auto [removed, error] = remove_artefacts(begun, work);
  // Tried again and again: only what was removed is told, and only once.
  std::vector<ArtefactView> untold = removed;
  std::erase_if(untold, [&](const auto& one) { return is_told(one.id, ledger::kind::kRetention); });
  if (!untold.empty()) {
    ledger::Entry entry =
        evidence::pruned("-", "-", untold, 0, error, work, now, tools_.take.clock.now());
    entry.subject = json::object{};
    entry.deviations.emplace_back("an expiry that was interrupted, finished now");
    TRY(tools_.record(entry));
  }
  TRY(forget_expired(removed));
  if (error) return fail(*error);
  return {};
}

// There is an entry of each.
Result<> BackupRoom::forget_expired(const std::vector<ArtefactView>& gone) {
  for (const ArtefactView& one : gone) told(one.id, ledger::kind::kRetention);
  for (const ArtefactView& one : gone) {
    TRY(catalogue_->remove(one.id));
    entered(one.id);
    finished(one.id);
  }
  return {};
}

// What a crash or a failure left of an expiry.
Result<> BackupRoom::finish_expiry(const Work& work) {
  std::optional<Error> first;
  std::vector<BackupId> begun;
  for (const BackupId& id : leftovers()) {
    const auto began = removal_began(id, work.limits());
    if (!began) note_first(first, began.error());
    if (began && *began) begun.push_back(id);
  }
  for (const auto& batch : in_batches(begun)) {
    if (const auto done = finish_some(batch, work); !done) note_first(first, done.error());
  }
  if (first) return fail(*first);
  return {};
}

std::vector<BackupId> BackupRoom::leftovers() const {
  const std::lock_guard lock(mutex_);
  return {leftover_.begin(), leftover_.end()};
}

bool BackupRoom::is_leftover(const BackupId& id) const {
  const std::lock_guard lock(mutex_);
  return leftover_.contains(id);
}

void BackupRoom::finished(const BackupId& id) {
  const std::lock_guard lock(mutex_);
  leftover_.erase(id);
}

}  // namespace vigie::backup
