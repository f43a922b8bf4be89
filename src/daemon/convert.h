// Between the rooms' own words for the same things: the rooms do not know each other.
#pragma once

#include "api/services.h"
#include "backup/room.h"
#include "config/config.h"
#include "jobs/executor.h"
#include "jobs/run_logs.h"
#include "ledger/ledger.h"

namespace vigie::daemon {

// Both must outlive it.
backup::SetupPtr setup_of(const config::Config& config, platform::FileSystem& files,
                          const platform::Clock& clock);
// Its steps, and how its programs ended, go into the run's log.
Work work_of(jobs::RunContext& context, jobs::RunLogs& logs);
// Work that is no run: a human act, or something done at the start.
Work work_of(const api::CallContext& context);
Work work_of_daemon(std::stop_token stop);
jobs::RunTrigger trigger_of(const api::CallContext& context);
ledger::Trigger ledger_trigger_of(const api::CallContext& context);
jobs::RunOutcome outcome_of(backup::Outcome outcome);
json::object plan_json(const std::vector<backup::PrunePlan>& plans);

// For the log: to the microsecond, or people would read 3322.0149999999998.
inline double milliseconds_of(Duration duration) {
  return double(duration.count()) / 1000;
}

// The next due times of all jobs, in order: {items: [{due_at, local, job, schedule, time_zone}]}.
json::object schedule_json(const config::Config& config, SystemTime now, size_t count);

}  // namespace vigie::daemon
