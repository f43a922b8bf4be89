// A run: one piece of work, from being asked for to its end, as a durable row of state.db. The
// format is docs/formats/state-db-1.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/time.h"
#include "base/verdict.h"

namespace vigie::jobs {

enum class RunState : unsigned char {
  queued,
  running,
  succeeded,
  failed,            // what was to be proved is bad, or could not be done
  could_not_verify,  // it could not be looked at
  cancelled,         // somebody asked for it
  interrupted,       // Vigie ended first: a stop, or a crash found at the next start
};
std::string_view to_string(RunState state);
std::optional<RunState> parse_run_state(std::string_view text);
constexpr bool has_ended(RunState state) {
  return state != RunState::queued && state != RunState::running;
}

// Who asked, and why.
struct RunTrigger {
  std::string by = "daemon";  // schedule, human, daemon
  std::string actor{};        // "socket:uid=0", "token:…"; empty for the daemon's own
  std::string reason{};
  std::string reference{};
};

struct RunProgress {
  std::string phase{};
  std::string subject{};
  uint64_t done = 0;
  std::optional<uint64_t> total{};  // an estimate
  std::string unit = "bytes";
  // Units per second within this phase, smoothed over some seconds; nothing: not measured yet.
  std::optional<double> rate{};
  SystemTime at{};  // when the work last said something
};

struct RunRow {
  RunId id;
  std::string job;
  std::string kind;  // backup, verify, prune, …
  RunState state = RunState::queued;
  RunTrigger trigger;
  CorrelationId correlation_id;
  std::vector<std::string> claims;
  SystemTime created_at;
  std::optional<SystemTime> due_at;  // of a scheduled run
  std::optional<SystemTime> started_at;
  std::optional<SystemTime> ended_at;
  Duration timeout{};                     // from its start
  std::optional<SystemTime> deadline_at;  // when it started: the wall clock's idea of its deadline
  std::optional<RunProgress> progress;    // the last of a run that ended
  std::string error_code;                 // empty: none. A name, so that a newer release's is kept
  Parameters error_parameters;
  json::object result;  // what the work says of itself: ids, measures
  // Never stored: the work ended then, and neither the evidence nor state.db has its end yet.
  std::optional<SystemTime> end_unrecorded_since;

  // The error with its texts; nothing when there is none or this release does not know its code.
  std::optional<Error> error() const;
  // How long it ran; until `now` when it has not ended. Zero before it started.
  Duration duration(SystemTime now) const;
};

// {id, job, kind, state, trigger{by, actor, reason, reference}, correlation_id, created_at, due_at,
// started_at, ended_at, duration_s, deadline_at, progress{phase, subject, done, total, unit,
// rate_per_s, remaining_s, at}, error{code, detail, next}, result, end_unrecorded_since}: every key
// present, null = none.
json::object to_json(const RunRow& row, SystemTime now, Audience audience);

}  // namespace vigie::jobs
