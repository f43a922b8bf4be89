// A preflight of its own, before the window: what would keep a backup from being taken is known
// while there is time to mend it.
#include "backup/evidence.h"
#include "backup/preflight.h"
#include "backup/room.h"

namespace vigie::backup {
namespace {

struct Looked {
  std::optional<Error> error;  // what would keep the backup from being taken
  std::vector<Error> warnings;
};

Looked look(const TakeRequest& request, const TakeTools& tools, const Work& work) {
  const auto findings = preflight(request, tools, work);
  if (!findings) return {findings.error(), {}};
  Looked looked;
  if (const Finding* const finding = blocking(*findings)) looked.error = finding->error;
  for (const Finding& one : *findings) looked.warnings.push_back(one.error);
  return looked;
}

ledger::Entry entry_of(const Looked& looked, const std::string& job, const std::string& database,
                       const Work& work, SystemTime started_at, SystemTime now) {
  ledger::Entry entry = evidence::entry(ledger::kind::kPreflight, work, started_at, now);
  entry.result = ledger::Outcome::passed;
  entry.subject = {{"job", job}, {"database", database}};
  for (const Error& one : looked.warnings)
    entry.deviations.push_back(std::string(one.info().name) + ": " +
                               one.detail(Audience::everybody));
  if (!looked.error) return entry;
  entry.ended_with(*looked.error);
  return entry;
}

}  // namespace

Outcome BackupRoom::preflight(const std::string& job, const Work& work) {
  const SetupPtr setup = this->setup();
  const auto named = setup->get_job(job);
  if (!named) return Outcome::of(named.error());
  const JobSetup& found = **named;
  Outcome outcome;
  const StoreSetup store = setup->store(found.options.store)->within(work.limits());
  for (const std::string& database : found.options.databases) {
    const SystemTime started_at = tools_.take.clock.now();
    const TakeRequest request{*setup->database(database),
                              found.options,
                              *store.store,
                              store.options.reserve,
                              baseline(catalogue_->of(job, database), found.options),
                              tools_.staging / work.run.str()};
    const Looked looked = look(request, tools_.take, work);
    const auto recorded =
        tools_.record(entry_of(looked, job, database, work, started_at, tools_.take.clock.now()));
    outcome.warn(database, looked.warnings);
    const auto error = looked.error || recorded ? looked.error : std::optional(recorded.error());
    if (!error || outcome.error) continue;
    outcome.error = error;
    outcome.verdict = error->info().verdict;
  }
  return outcome;
}

}  // namespace vigie::backup
