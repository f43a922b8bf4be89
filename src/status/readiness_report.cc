// Health and readiness.
#include "status/reports.h"

namespace vigie::status {
namespace {

// A refused reload leaves the old configuration in force, and one may wait for a restart in part:
// Vigie works, and somebody must look.
Check configuration_check(const ProcessView& process, SystemTime now) {
  auto check = make_check("configuration", Status::pass, "ok", "configuration");
  check.observed_at = now;
  check.since = process.configured_at;
  if (!process.reload_error_code.empty()) {
    check.status = Status::warn;
    check.reason_code = process.reload_error_code;
    check.since = process.reload_failed_at;
    if (const auto* info = find_error_info(check.reason_code)) check.runbook = info->runbook;
  } else if (process.restart_needed_since) {
    check.status = Status::warn;
    check.reason_code = "restart_needed";
    check.since = process.restart_needed_since;
  }
  check.sources = {"vigie.yaml"};
  return check;
}

// A pass is earned by a write. Who only looks has tried none.
void judge_written(Check& check, const ProcessView& process,
                   const std::optional<SystemTime>& proven_at) {
  const bool looks_only = !process.daemon && !proven_at;
  check.status = looks_only ? Status::warn : Status::pass;
  check.reason_code = looks_only ? "no_daemon" : "ok";
  check.observed_at = proven_at;
  if (!looks_only) check.stale_after = kWriteStaleAfter;
}

void judge_failed(Check& check, std::string reason_code, const std::optional<SystemTime>& at) {
  check.status = Status::fail;
  check.reason_code = std::move(reason_code);
  check.observed_at = at;
}

Check state_check(const ProcessView& process, const std::optional<JobsFacts>& jobs) {
  auto check = make_check("state", Status::unknown, "not_evaluated", "state-damaged");
  check.sources = {"state.db"};
  if (!jobs) return check;
  if (jobs->state_error_code.empty())
    judge_written(check, process, jobs->state_proven_at);
  else
    judge_failed(check, jobs->state_error_code, jobs->state_failed_at);
  return check;
}

Check ledger_check(const ProcessView& process, const std::optional<LedgerFacts>& ledger) {
  auto check = make_check("ledger", Status::unknown, "not_evaluated", "ledger-damaged");
  check.sources = {"ledger"};
  if (!ledger) return check;
  check.observed = ledger->last_seq;
  check.unit = "entries";
  if (!ledger->error_code.empty()) {
    judge_failed(check, ledger->error_code, ledger->failed_at);
  } else if (ledger->damaged) {
    judge_failed(check, "ledger_damaged", ledger->proven_at);
  } else {
    judge_written(check, process, ledger->proven_at);
    if (check.status == Status::pass && !ledger->reserve) {
      check.status = Status::warn;
      check.reason_code = "ledger_reserve_missing";
    }
  }
  return check;
}

// Evidence is written without one; only a cut tail would not show.
Check checkpoints_check(const ledger::CheckpointsViewPtr& view) {
  auto check = make_check("checkpoints", Status::unknown, "not_evaluated", "checkpoints");
  check.sources = {"ledger"};
  if (!view) return check;
  const bool good = view->error_code.empty();
  check.status = good ? Status::pass : Status::warn;
  check.reason_code = good ? "ok" : view->error_code;
  check.observed = view->size;
  check.unit = "entries";
  check.observed_at = view->observed_at;
  check.since = view->failed_at;
  return check;
}

constexpr Duration kCopyHangs = std::chrono::minutes(10);

// The worst of all folders. Nobody is asked to wait for one.
std::string reason_of(const ledger::CopyView& copy, SystemTime now) {
  if (copy.busy_since && now - *copy.busy_since > kCopyHangs) return "copy_hangs";
  return copy.reason.empty() && !copy.copied_at ? "not_copied" : copy.reason;
}

Check copies_check(const std::vector<ledger::CopyView>& copies, SystemTime now) {
  auto check = make_check("checkpoints.copies", Status::pass, "ok", "checkpoints");
  check.sources = {"ledger"};
  check.unit = "entries";
  check.observed_at = now;
  uint64_t least = UINT64_MAX;
  for (const ledger::CopyView& copy : copies) {
    least = std::min(least, copy.size);
    const std::string reason = reason_of(copy, now);
    if (reason.empty() || check.status == Status::warn) continue;
    check.status = Status::warn;
    check.reason_code = reason;
    check.since = reason == "copy_hangs" ? copy.busy_since : copy.failed_at;
  }
  check.observed = least;
  return check;
}

// A disk that is only busy has taken it by then.
bool ends_wait(const JobsFacts& jobs, SystemTime now) {
  return jobs.end_unrecorded_since && now - *jobs.end_unrecorded_since > std::chrono::seconds(30);
}

// Due times may have come twice, and evidence is out of order: somebody should see it once.
bool went_back_lately(const JobsFacts& jobs, SystemTime now) {
  return jobs.clock_went_back_at && now - *jobs.clock_went_back_at <= std::chrono::hours(24);
}

// The scheduler looks at the due times every half minute; one that hangs over a disk does not.
Check jobs_check(const ProcessView& process, const std::optional<JobsFacts>& jobs, SystemTime now) {
  auto check = make_check("jobs", Status::unknown, "not_evaluated", "runs");
  check.sources = {"jobs"};
  if (!jobs) return check;
  const bool works = jobs->scheduler_error_code.empty();
  check.status = works ? Status::pass : Status::fail;
  check.reason_code = works ? "ok" : jobs->scheduler_error_code;
  check.observed = jobs->waiting;
  check.unit = "runs";
  check.observed_at = jobs->scheduler_at;
  if (process.daemon) check.stale_after = kSchedulerStaleAfter;
  const auto warn = [&](const char* reason, std::optional<SystemTime> since) {
    check.status = Status::warn;
    check.reason_code = reason;
    check.since = since;
  };
  if (works && !process.daemon) {
    warn("no_daemon", {});
    check.observed_at = jobs->observed_at;
  } else if (works && jobs->hung > 0) {
    warn("run_hangs", {});
  } else if (works && ends_wait(*jobs, now)) {
    warn("end_unrecorded", jobs->end_unrecorded_since);
  } else if (works && went_back_lately(*jobs, now)) {
    warn("clock_went_back", jobs->clock_went_back_at);
    check.runbook = "clock";
  }
  return check;
}

// What is on its way to an answer is no defect; what hangs takes a thread along for as long.
Check queries_check(const ProcessView& process, SystemTime now) {
  const bool hangs = process.queries_hung > 0;
  auto check = make_check("queries", hangs ? Status::warn : Status::pass,
                          hangs ? "queries_hang" : "ok", "queries-hang");
  if (!process.queries_answered) check.status = Status::fail;
  check.observed = process.queries_hung;
  check.unit = "queries";
  check.observed_at = now;
  check.sources = {"process"};
  return check;
}

}  // namespace

std::vector<Check> health_checks(const Views& views, SystemTime now) {
  auto check = make_check("process", Status::pass, "ok", "");
  check.observed = to_seconds(std::max(Duration(0), now - views.process.started_at));
  check.unit = "s";
  check.observed_at = now;
  check.since = views.process.started_at;
  check.sources = {"process"};
  return {std::move(check)};
}

json::object health_data(const Views& views) {
  return {{"started_at", format_rfc3339(views.process.started_at)},
          {"resident_bytes", number_json(views.process.resident_bytes)},
          {"children_resident_bytes", number_json(views.process.children_resident_bytes)}};
}

std::vector<Check> readiness_checks(const Views& views, SystemTime now) {
  const auto jobs = jobs_facts(views);
  std::vector<Check> checks{configuration_check(views.process, now),
                            state_check(views.process, jobs),
                            ledger_check(views.process, ledger_facts(views)),
                            checkpoints_check(views.checkpoints),
                            jobs_check(views.process, jobs, now),
                            queries_check(views.process, now)};
  if (!views.copies.empty()) checks.push_back(copies_check(views.copies, now));
  return checks;
}

json::object readiness_data(const Views& views) {
  const auto ledger = ledger_facts(views);
  const auto jobs = jobs_facts(views);
  return {{"configured_at", format_rfc3339(views.process.configured_at)},
          {"configuration_sha256", text_json(views.process.configuration_sha256)},
          {"runs_waiting", jobs ? json::value(jobs->waiting) : json::value(nullptr)},
          {"runs_running", jobs ? json::value(jobs->running) : json::value(nullptr)},
          {"ledger_entries", ledger ? json::value(ledger->last_seq) : json::value(nullptr)}};
}

}  // namespace vigie::status
