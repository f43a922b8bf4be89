// One accepted run, until its end is written: what the executor knows of it, and what its work is
// given.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "jobs/executor.h"
#include "jobs/progress_meter.h"

namespace vigie::jobs {

enum class StopCause : unsigned char { none, cancelled, deadline, shutdown };

class ActiveRun final : public RunContext {
 public:
  // `report` is told of progress that others should see; in the work's threads.
  using Report = std::function<void(ActiveRun&, const RunProgress&, bool new_phase)>;
  ActiveRun(RunRow accepted, RunRequest& request, const platform::Clock& clock, Report report);

  const RunId& id() const override { return row.id; }
  const CorrelationId& correlation_id() const override { return row.correlation_id; }
  const RunTrigger& trigger() const override { return row.trigger; }
  std::optional<SystemTime> due_at() const override { return row.due_at; }
  std::stop_token stop_token() const override { return stop.get_token(); }
  MonoTime deadline() const override { return deadline_at; }
  const platform::Clock& clock() const override { return clock_; }
  void progress(RunProgress progress) override;

  std::optional<RunProgress> latest_progress() const;
  bool shares_claims_with(const ActiveRun& other) const;
  // Its end is not written yet, and it never held a claim.
  bool ended_waiting() const { return end && !row.started_at; }
  // Its work was asked to stop, and has not returned for too long.
  bool hangs(MonoTime now) const {
    return worker && !end && stop_asked_at && now >= *stop_asked_at + kHungAfter;
  }
  bool is_of(const std::string& job, const std::string& kind) const {
    return row.job == job && row.kind == kind;
  }

  // Its state, times and progress: guarded by the executor's mutex. The rest does not change.
  RunRow row;
  const Work work;
  const std::optional<SystemTime> start_before;
  const bool lets_others_by;
  const Verdict at_deadline;
  std::stop_source stop;
  MonoTime deadline_at = MonoTime::max();  // set before its work begins
  // Guarded by the executor's mutex, as all below.
  StopCause cause = StopCause::none;  // the first
  std::string cause_reason;
  std::optional<MonoTime> stop_asked_at;  // when its work was
  std::optional<size_t> worker;           // whose thread it is in
  // How it ended, once and for all; not written yet. Its work may still be at it: given up.
  std::optional<RunRow> end;

 private:
  const platform::Clock& clock_;
  const Report report_;
  mutable std::mutex meter_mutex_;
  ProgressMeter meter_;  // guarded by meter_mutex_
};

// The row at its end: what the work returned, or what stopped it (see Work in executor.h).
RunRow ended_row(const ActiveRun& run, RunOutcome outcome, SystemTime now);

}  // namespace vigie::jobs
