#include "status/facts.h"

#include <algorithm>

namespace vigie::status {

const JobFacts* JobsFacts::find(std::string_view job) const {
  const auto found = std::ranges::find(jobs, job, &JobFacts::name);
  return found == jobs.end() ? nullptr : &*found;
}

std::optional<JobsFacts> jobs_facts(const Views&) {
  return std::nullopt;
}

std::optional<LedgerFacts> ledger_facts(const Views&) {
  return std::nullopt;
}

}  // namespace vigie::status
