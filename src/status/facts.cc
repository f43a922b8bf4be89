#include "status/facts.h"

#include <algorithm>

#include "jobs/view.h"
#include "ledger/view.h"

namespace vigie::status {
namespace {

constexpr std::string_view kBackupKind = "backup";
constexpr std::string_view kRestoreKind = "restore";
constexpr std::string_view kDrillKind = "drill";

RunFacts run_facts(const jobs::RunRow& row) {
  RunFacts facts;
  facts.id = row.id.str();
  facts.state = jobs::to_string(row.state);
  facts.error_code = row.error_code;
  facts.started_at = row.started_at;
  facts.ended_at = row.ended_at;
  facts.end_unrecorded_since = row.end_unrecorded_since;
  if (!row.progress) return facts;
  auto& progress = facts.progress.emplace();
  progress.phase = row.progress->phase;
  progress.done = double(row.progress->done);
  if (row.progress->total) progress.total = double(*row.progress->total);
  progress.unit = row.progress->unit;
  progress.rate = row.progress->rate;
  return facts;
}

std::optional<RunFacts> optional_facts(const std::optional<jobs::RunRow>& row) {
  return row ? std::optional(run_facts(*row)) : std::nullopt;
}

std::optional<RunFacts> last_preflight(const jobs::JobsView& view, std::string_view job) {
  const auto* const found = view.find(job, "preflight");
  return found == nullptr ? std::nullopt : optional_facts(found->last_attempt);
}

std::string text_of(const json::object& object, std::string_view key) {
  const auto* const text = find_string(object, key);
  return text == nullptr ? std::string() : std::string(*text);
}

std::vector<WarningFacts> warnings_of(const jobs::RunRow& run) {
  std::vector<WarningFacts> all;
  const auto* const warnings = find_array(run.result, "warnings");
  if (warnings == nullptr) return all;
  for (const json::value& one : *warnings) {
    if (const auto* const object = one.if_object())
      all.push_back(
          {text_of(*object, "database"), text_of(*object, "code"), text_of(*object, "detail")});
  }
  return all;
}

void add_warnings(JobFacts& facts, const jobs::JobsView& view, const jobs::JobView& job) {
  const auto* const preflight = view.find(job.job, "preflight");
  const auto* newest = job.last_success ? &*job.last_success : nullptr;
  if (preflight != nullptr && preflight->last_success &&
      (newest == nullptr || preflight->last_success->ended_at > newest->ended_at))
    newest = &*preflight->last_success;
  if (newest == nullptr) return;
  facts.warnings = warnings_of(*newest);
  facts.warned_at = newest->ended_at;
}

}  // namespace

const JobFacts* JobsFacts::find(std::string_view job) const {
  const auto found = std::ranges::find(jobs, job, &JobFacts::name);
  return found == jobs.end() ? nullptr : &*found;
}

std::optional<JobsFacts> jobs_facts(const Views& views) {
  if (!views.jobs) return std::nullopt;
  JobsFacts facts;
  facts.observed_at = views.jobs->observed_at;
  facts.waiting = views.jobs->queued;
  facts.running = views.jobs->running;
  facts.state_error_code = views.jobs->state_error_code;
  facts.state_failed_at = views.jobs->state_failed_at;
  facts.state_proven_at = views.jobs->state_proven_at;
  facts.scheduler_at = views.jobs->scheduler_at;
  facts.scheduler_error_code = views.jobs->scheduler_error_code;
  facts.end_unrecorded_since = views.jobs->end_unrecorded_since;
  facts.clock_went_back_at = views.jobs->clock_went_back_at;
  facts.hung = views.jobs->hung;
  for (const auto& job : views.jobs->jobs) {
    if (job.kind != kBackupKind) continue;
    facts.jobs.push_back({job.job, optional_facts(job.last_attempt),
                          last_preflight(*views.jobs, job.job), optional_facts(job.running),
                          job.next_due_at, job.queued ? job.queued->due_at : std::nullopt,
                          job.last_missed_due_at,
                          job.last_success ? job.last_success->started_at : std::nullopt});
    add_warnings(facts.jobs.back(), *views.jobs, job);
  }
  return facts;
}

std::optional<RunFacts> running_restore(const Views& views) {
  if (!views.jobs) return std::nullopt;
  for (const jobs::JobView& one : views.jobs->jobs)
    if ((one.kind == kRestoreKind || one.kind == kDrillKind) && one.running)
      return run_facts(*one.running);
  return std::nullopt;
}

std::optional<SystemTime> next_drill(const Views& views, std::string_view drill) {
  const auto* const found = views.jobs ? views.jobs->find(drill, kDrillKind) : nullptr;
  return found == nullptr ? std::nullopt : found->next_due_at;
}

std::optional<LedgerFacts> ledger_facts(const Views& views) {
  if (!views.ledger) return std::nullopt;
  const auto& view = *views.ledger;
  return LedgerFacts{.last_seq = view.last_seq,
                     .last_at = view.last_at,
                     .damaged = view.damaged(),
                     .error_code = view.error_code,
                     .failed_at = view.failed_at,
                     .proven_at = view.proven_at,
                     .verification = view.verification,
                     .reserve = view.reserve_ready};
}

}  // namespace vigie::status
