#include "daemon/amchecks.h"

namespace vigie::daemon {

std::vector<proof::AmcheckPlanView> amcheck_plans(const config::Config& config) {
  std::vector<proof::AmcheckPlanView> plans;
  for (const config::Amcheck& one : config.amchecks)
    plans.push_back({one.name(), one.options.database, one.max_age});
  return plans;
}

jobs::RunOutcome run_amcheck(proof::ProofRoom& proofs, const config::Config& config,
                             const config::Amcheck& amcheck, const platform::Path& folder,
                             const Work& work) {
  proof::AmcheckRequest request{amcheck.options, {}, {}, folder};
  // A reload may have taken it away since the run was asked for.
  const backup::DatabaseOptions* const database = config.database(amcheck.options.database);
  if (database == nullptr)
    return jobs::RunOutcome::of(
        Error(ErrorCode::database_missing, {{"database", amcheck.options.database}}));
  request.database = database->dsn;
  request.bindir = database->bindir;
  const auto report = proofs.amcheck(request, work);
  if (!report) return jobs::RunOutcome::of(report.error());
  json::object result{{"tables", report->tables},
                      {"indexes", report->indexes},
                      {"damaged", report->damaged},
                      {"amcheck_s", to_seconds(report->took)}};
  if (report->error) return {report->verdict(), *report->error, std::move(result)};
  return jobs::RunOutcome::succeeded(std::move(result));
}

}  // namespace vigie::daemon
