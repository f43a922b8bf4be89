// Removing what retention no longer keeps.
#include "backup/evidence.h"
#include "backup/room.h"
#include "platform/failpoint.h"

namespace vigie::backup {

// The store first, then the ledger, then the catalogue: what is expiring is written down before the
// first removal.
Result<std::vector<ArtefactView>> BackupRoom::remove_artefacts(const std::vector<BackupId>& ids) {
  const SetupPtr setup = this->setup();
  std::vector<ArtefactView> removed;
  for (const BackupId& id : ids) {
    const auto artefact = catalogue_->find(id);
    const StoreSetup* const store = artefact ? setup->store(artefact->store) : nullptr;
    if (store == nullptr)
      continue;  // its store is not configured any more: nothing of it is touched
    TRY(store->store->remove(id));
    platform::failpoint("backup.after_remove");
    removed.push_back(*artefact);
  }
  return removed;
}

Result<> BackupRoom::expire(const JobSetup& job, const std::string& database, const Work& work) {
  const SystemTime started_at = tools_.take.clock.now();
  const PrunePlan plan = plan_prune(*catalogue_, job.options, database, job.zone);
  const auto ids = plan.expired();
  TRY(catalogue_->begin_expiry(ids));
  platform::failpoint("backup.after_begin_expiry");
  const auto removed = remove_artefacts(ids);
  const std::optional<Error> error = removed ? std::nullopt : std::optional(removed.error());
  const std::vector<ArtefactView> gone = removed ? *removed : std::vector<ArtefactView>();
  TRY(tools_.record(evidence::pruned(job.options.name, database, gone,
                                     plan.decisions.size() - ids.size(), error, work, started_at,
                                     tools_.take.clock.now())));
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
      if (expired || outcome.error) continue;
      outcome.error = expired.error();
      outcome.verdict = expired.error().info().verdict;
    }
  }
  const size_t after = catalogue_->all().size();
  outcome.result = {{"expired", before > after ? before - after : 0}, {"kept", after}};
  return outcome;
}

// What a crash left of an expiry: it was decided, so it is finished.
Result<> BackupRoom::finish_expiry(const Work& work) {
  const auto ids = catalogue_->expiring();
  if (ids.empty()) return {};
  const SystemTime now = tools_.take.clock.now();
  TRY_ASSIGN(const auto removed, remove_artefacts(ids));
  ledger::Entry entry =
      evidence::pruned("-", "-", removed, 0, std::nullopt, work, now, tools_.take.clock.now());
  entry.subject = json::object{};
  entry.deviations.emplace_back("an expiry that was interrupted, finished at the start");
  TRY(tools_.record(entry));
  for (const BackupId& id : ids) TRY(catalogue_->remove(id));
  return {};
}

}  // namespace vigie::backup
