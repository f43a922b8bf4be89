#include "jobs/active_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vigie::jobs {
namespace {

RunState state_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed:
      return RunState::succeeded;
    case Verdict::failed:
      return RunState::failed;
    case Verdict::could_not_verify:
      break;
  }
  return RunState::could_not_verify;
}

// Damage that was found stays found, and what was done stays done, whoever stopped the run then.
bool counts_although_stopped(const RunOutcome& outcome) {
  return outcome.verdict == Verdict::passed ||
         (outcome.error && outcome.error->info().error_class == "integrity");
}

// What somebody has to remove by hand is worth more than who stopped the run; but a stop of the
// whole program is told as such.
bool says_what_is_left(const ActiveRun& run, const RunOutcome& outcome) {
  return run.cause != StopCause::shutdown && outcome.error &&
         outcome.error->code() == ErrorCode::restore_left_behind;
}

Error deadline_error(const RunRow& row) {
  return Error(ErrorCode::deadline_exceeded,
               {{"name", row.job},
                {"seconds", fmt::format("{:.0f}", to_seconds(row.timeout))},
                {"run", row.id.str()}});
}

std::pair<RunState, Error> stopped(const ActiveRun& run, StopCause cause) {
  switch (cause) {
    case StopCause::cancelled:
      return {RunState::cancelled, Error(ErrorCode::cancelled, {{"reason", run.cause_reason}})};
    case StopCause::deadline:
      return {state_of(run.at_deadline), deadline_error(run.row)};
    case StopCause::shutdown:
    case StopCause::none:
      break;
  }
  return {RunState::interrupted,
          Error(ErrorCode::run_interrupted,
                {{"run", run.row.id.str()}, {"reason", "Vigie was stopped"}})};
}

// Its work has the same deadline, and may be the first to see it.
StopCause cause_of(const ActiveRun& run, const RunOutcome& outcome) {
  const bool over = outcome.error && outcome.error->code() == ErrorCode::deadline_exceeded &&
                    run.clock().monotonic() >= run.deadline_at;
  return run.cause == StopCause::none && over ? StopCause::deadline : run.cause;
}

void put_error(RunRow& row, Error error) {
  error.with("run", row.id.str());  // remedies name it
  row.error_code = error.info().name;
  row.error_parameters = error.parameters();
}

}  // namespace

ActiveRun::ActiveRun(RunRow accepted, RunRequest& request, const platform::Clock& clock,
                     Report report)
    : row(std::move(accepted)),
      work(std::move(request.work)),
      start_before(request.start_before),
      lets_others_by(request.lets_others_by),
      at_deadline(request.at_deadline),
      clock_(clock),
      report_(std::move(report)) {}

void ActiveRun::progress(RunProgress progress) {
  ProgressMeter::News news{};
  {
    const std::lock_guard lock(meter_mutex_);
    news = meter_.update(std::move(progress), clock_.monotonic(), clock_.now());
    if (news == ProgressMeter::News::none) return;
    progress = *meter_.latest();
  }
  report_(*this, progress, news == ProgressMeter::News::new_phase);
}

std::optional<RunProgress> ActiveRun::latest_progress() const {
  const std::lock_guard lock(meter_mutex_);
  return meter_.latest();
}

bool ActiveRun::shares_claims_with(const ActiveRun& other) const {
  return is_of(other.row.job, other.row.kind) ||
         std::ranges::any_of(row.claims, [&](const std::string& claim) {
           return std::ranges::find(other.row.claims, claim) != other.row.claims.end();
         });
}

RunRow ended_row(const ActiveRun& run, RunOutcome outcome, SystemTime now) {
  RunRow row = run.row;
  row.progress = run.latest_progress();
  row.ended_at = std::max(now, row.started_at.value_or(row.created_at));
  row.result = std::move(outcome.result);
  const StopCause cause = cause_of(run, outcome);
  if (cause != StopCause::none && !counts_although_stopped(outcome)) {
    auto [state, error] = stopped(run, cause);
    row.state = state;
    put_error(row, says_what_is_left(run, outcome) ? *outcome.error : error);
    return row;
  }
  row.state = state_of(outcome.verdict);
  if (outcome.error) put_error(row, *outcome.error);
  return row;
}

}  // namespace vigie::jobs
