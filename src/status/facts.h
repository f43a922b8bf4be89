// What the reports need to know of the jobs and ledger rooms, taken out of their views in one
// place.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "status/views.h"

namespace vigie::status {

struct ProgressFacts {
  std::string phase;
  double done = 0;
  std::optional<double> total;
  std::string unit;
  std::optional<double> rate;  // units a second
};

struct RunFacts {
  std::string id;
  std::string state;
  std::string error_code;  // empty when there is none
  std::optional<SystemTime> started_at;
  std::optional<SystemTime> ended_at;
  std::optional<SystemTime> end_unrecorded_since;  // it ended then, and that is not durable yet
  std::optional<ProgressFacts> progress;
};

// What a run that went well warned of.
struct WarningFacts {
  std::string database;
  std::string code;
  std::string detail;
};

// The backups of one job.
struct JobFacts {
  std::string name;
  std::optional<RunFacts> last_attempt;
  std::optional<RunFacts> last_preflight;  // before a window
  std::optional<RunFacts> running;
  std::optional<SystemTime> next_due;
  std::optional<SystemTime> waiting;       // the due time of the run that waits for its turn
  std::optional<SystemTime> last_missed;   // the newest due time that did not run
  std::optional<SystemTime> last_success;  // when the newest good run began
  std::vector<WarningFacts> warnings{};    // of the newest good run, or preflight
  std::optional<SystemTime> warned_at{};
};

struct JobsFacts {
  SystemTime observed_at;
  size_t waiting = 0;
  size_t running = 0;
  std::string state_error_code;  // why state.db did not take its last write; empty: it did
  std::optional<SystemTime> state_failed_at;
  std::optional<SystemTime> state_proven_at;  // when it last took a write
  std::optional<SystemTime> scheduler_at;     // when due times were last looked at
  std::string scheduler_error_code;  // why due runs could not be started; empty: they could
  std::optional<SystemTime> end_unrecorded_since;  // of a run; the oldest
  std::optional<SystemTime> clock_went_back_at;
  size_t hung = 0;  // runs that were asked to stop, and do not
  std::vector<JobFacts> jobs;

  const JobFacts* find(std::string_view job) const;
};

struct LedgerFacts {
  uint64_t last_seq = 0;
  std::optional<SystemTime> last_at;
  bool damaged = false;    // and not acknowledged
  std::string error_code;  // of the last append, or probe, when it failed
  std::optional<SystemTime> failed_at;
  std::optional<SystemTime> proven_at;  // when it last took a write
  std::optional<ledger::VerificationView> verification;
  bool reserve = true;  // the space kept for recording a full disk is there
};

// Nothing: the view is not there yet.
std::optional<JobsFacts> jobs_facts(const Views& views);
std::optional<RunFacts> running_restore(const Views& views);  // for real, or a drill
std::optional<SystemTime> next_drill(const Views& views, std::string_view drill);
std::optional<LedgerFacts> ledger_facts(const Views& views);

}  // namespace vigie::status
