// Removing what retention no longer keeps.
#include <algorithm>

#include "backup/evidence.h"
#include "backup/room.h"
#include "platform/failpoint.h"

namespace vigie::backup {

// The store first, then the ledger, then the catalogue: what is expiring is written down before the
// first removal.
BackupRoom::Removed BackupRoom::remove_artefacts(const std::vector<BackupId>& ids) {
  const SetupPtr setup = this->setup();
  Removed removed;
  for (const BackupId& id : ids) {
    const auto artefact = catalogue_->find(id);
    const StoreSetup* const store = artefact ? setup->store(artefact->store) : nullptr;
    if (store == nullptr)
      continue;  // its store is not configured any more: nothing of it is touched
    if (const auto gone = store->store->remove(id); !gone) {
      removed.error = gone.error();
      return removed;
    }
    platform::failpoint("backup.after_remove");
    removed.artefacts.push_back(*artefact);
  }
  return removed;
}

Result<> BackupRoom::expire(const JobSetup& job, const std::string& database, const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  const PrunePlan plan = plan_prune(*catalogue_, job.options, database, job.zone);
  auto wanted = plan.expired();
  // What the process before began is finished by clean_stores.
  std::erase_if(wanted, [&](const BackupId& id) { return is_leftover(id); });
  TRY_ASSIGN(const auto ids, catalogue_->begin_expiry(wanted));
  platform::failpoint("backup.after_begin_expiry");
  const auto [gone, error] = remove_artefacts(ids);
  ledger::Entry entry =
      evidence::pruned(job.options.name, database, gone, plan.decisions.size() - ids.size(), error,
                       work, started_at, tools_.take.clock.now());
  for (const BackupId& id : wanted) {
    if (!std::ranges::count(ids, id))
      entry.deviations.push_back(id.str() + " stays: it is held since the plan was made");
  }
  TRY(tools_.record(entry));
  platform::failpoint("backup.after_prune_ledger");
  for (const ArtefactView& one : gone) TRY(catalogue_->remove(one.id));
  publish_view();
  if (error) return fail(*error);
  return {};
}

Outcome BackupRoom::prune(const std::optional<std::string>& job, const Work& work) {
  const SetupPtr setup = this->setup();
  if (job && setup->job(*job) == nullptr) {
    const Error error(ErrorCode::backup_job_not_found, {{"job", *job}, {"nearest", "-"}});
    return {error.info().verdict, error, {}};
  }
  Outcome outcome;
  const size_t before = catalogue_->all().size();
  for (const JobSetup& one : setup->jobs) {
    if (job && *job != one.options.name) continue;
    for (const std::string& database : one.options.databases) {
      const auto expired = expire(one, database, work);
      if (!expired) outcome.note(expired.error().info().verdict, expired.error());
    }
  }
  const size_t after = catalogue_->all().size();
  outcome.result = {{"expired", before > after ? before - after : 0}, {"kept", after}};
  return outcome;
}

// What a crash left of an expiry: it was decided, so it is finished.
Result<> BackupRoom::finish_expiry(const Work& work) {
  const auto ids = [&] {
    const std::lock_guard lock(mutex_);
    return std::vector<BackupId>(leftover_.begin(), leftover_.end());
  }();
  if (ids.empty()) return {};
  const SystemTime now = tools_.take.clock.now();
  const auto [removed, error] = remove_artefacts(ids);
  for (const BackupId& id : ids) {
    // Forgotten since: if it ever comes back, it is decided about anew.
    if (catalogue_->find(id)) continue;
    TRY(catalogue_->remove(id));
    finished(id);
  }
  // Tried again and again: only what was removed is told.
  if (removed.empty()) return error ? fail(*error) : Result<>();
  ledger::Entry entry =
      evidence::pruned("-", "-", removed, 0, error, work, now, tools_.take.clock.now());
  entry.subject = json::object{};
  entry.deviations.emplace_back("an expiry that was interrupted, finished at the start");
  TRY(tools_.record(entry));
  // What is not in a store that is configured now is left for the day when it is again.
  for (const ArtefactView& one : removed) {
    TRY(catalogue_->remove(one.id));
    finished(one.id);
  }
  if (error) return fail(*error);
  return {};
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
