// Copies of a job's backups in its further stores, as runs and the daemon ask for them.
#include <algorithm>

#include "backup/copy_run.h"
#include "backup/room.h"

namespace vigie::backup {
namespace {

// After an attempt that did not bring all there.
constexpr Duration kCopyAgain = std::chrono::minutes(15);

std::string copying_place(const JobSetup& job, const std::string& database,
                          const std::string& store) {
  return job.options.name + "." + database + " in " + store;
}

// In words for whoever started the run; the attempt keeps the code of the cause.
Error as_copy_failed(const Error& error, const JobSetup& job, const std::string& database,
                     const std::string& store) {
  if (error.code() == ErrorCode::copy_failed || error.code() == ErrorCode::run_conflict)
    return error;
  return Error(ErrorCode::copy_failed, {{"backup", job.options.name + "." + database},
                                        {"job", job.options.name},
                                        {"store", store},
                                        {"reason", std::string(error.info().title)}});
}

}  // namespace

// Two at once would copy the same, and remove what the other writes.
Result<> BackupRoom::copy_alone(const JobSetup& job, const CopyOptions& options,
                                const StoreSetup& target, const std::string& database,
                                const Work& work) {
  const std::string place = copying_place(job, database, options.store);
  {
    const std::lock_guard lock(mutex_);
    if (!copying_.insert(place).second)
      return fail(ErrorCode::run_conflict, {{"name", place}, {"run", "another"}});
  }
  const auto done = CopyRun(*this, job, options, target, database, work).run();
  const std::lock_guard lock(mutex_);
  copying_.erase(place);
  return done;
}

Outcome BackupRoom::copy_database(const JobSetup& job, const std::string& database,
                                  const Work& work) {
  Outcome outcome;
  const SetupPtr setup = this->setup();
  for (const CopyOptions& one : job.options.copies) {
    const StoreSetup* const target = setup->store(one.store);
    if (target == nullptr) continue;  // another configuration is in force by now
    const auto done = copy_alone(job, one, *target, database, work);
    // Another is at it, and will say how it ended.
    if (!done && done.error().code() == ErrorCode::run_conflict) {
      outcome.note(done.error().info().verdict, done.error());
      continue;
    }
    const auto noted =
        copies_->note_attempt({job.options.name, database, one.store, tools_.take.clock.now(),
                               done ? std::string() : std::string(done.error().info().name)});
    if (!done)
      outcome.note(done.error().info().verdict,
                   as_copy_failed(done.error(), job, database, one.store));
    if (!noted) outcome.note(noted.error().info().verdict, noted.error());
    publish_view();
  }
  return outcome;
}

Outcome BackupRoom::copy(const std::string& job, const Work& work) {
  const SetupPtr setup = this->setup();
  const JobSetup* const found = setup->job(job);
  if (found == nullptr) {
    const Error error(ErrorCode::backup_job_not_found, {{"job", job}});
    return {error.info().verdict, error, {}};
  }
  Outcome outcome;
  for (const std::string& database : found->options.databases) {
    if (work.stop.stop_requested()) break;
    const Outcome one = copy_database(*found, database, work);
    outcome.note(one.verdict, one.error);
  }
  const auto copies = copies_->all();
  outcome.result = {{"copies", std::ranges::count_if(copies, [&](const CopyView& one) {
                       return one.id.job == job;
                     })}};
  return outcome;
}

// The last attempt did not bring all there; or there has been none since the newest one that is
// good.
bool BackupRoom::copy_is_due(const JobSetup& job, const std::string& database,
                             const std::string& store) const {
  const SystemTime now = tools_.take.clock.now();
  // A clock that went backwards does not stop it.
  const auto long_ago = [&](SystemTime at) { return at + kCopyAgain <= now || at > now; };
  {
    const std::lock_guard lock(mutex_);
    if (copying_.contains(copying_place(job, database, store))) return false;
  }
  const auto attempt = copies_->attempt(job.options.name, database, store);
  if (attempt && !attempt->error_code.empty()) return long_ago(attempt->at);
  const auto artefacts = catalogue_->of(job.options.name, database);
  const auto newest = std::find_if(artefacts.rbegin(), artefacts.rend(), [&](const auto& one) {
    return counts_as_good(one, job.options);
  });
  if (newest == artefacts.rend() || copies_->has(store, newest->id)) return false;
  return long_ago(newest->ended_at) && (!attempt || attempt->at < newest->ended_at);
}

std::optional<std::string> BackupRoom::next_copy() const {
  const SetupPtr setup = this->setup();
  for (const JobSetup& job : setup->jobs)
    for (const std::string& database : job.options.databases)
      for (const CopyOptions& one : job.options.copies)
        if (copy_is_due(job, database, one.store)) return job.options.name;
  return std::nullopt;
}

std::optional<ArtefactView> BackupRoom::newest_copy(const JobSetup& job,
                                                    const std::string& database,
                                                    const Work& work) const {
  const SetupPtr setup = this->setup();
  std::optional<ArtefactView> newest;
  for (const CopyOptions& one : job.options.copies) {
    const StoreSetup* const store = setup->store(one.store);
    const auto listed = store ? store->within(work.limits()).store->list()
                              : Result<std::vector<BackupId>>(std::vector<BackupId>());
    if (!listed) tools_.warn("backup.earlier", listed.error());
    for (const BackupId& id : listed.value_or(std::vector<BackupId>())) {
      const bool newer = !newest || newest->id < id;
      if (id.job != job.options.name || id.database != database || !newer) continue;
      newest.emplace();
      newest->id = id;
      newest->store = one.store;
      newest->started_at = id.started_at;
    }
  }
  return newest;
}

}  // namespace vigie::backup
