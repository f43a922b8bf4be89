// What a piece of work is given by whoever runs it (a run of `jobs`, a human act, a test).
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/time.h"

namespace vigie {

// How long a call may take, and who can stop it.
struct CallLimits {
  MonoTime deadline;
  std::stop_token stop;
};

inline CallLimits no_limits() {
  return {MonoTime::max(), {}};
}

struct WorkProgress {
  std::string_view phase;  // preflight, dump, source check, publish, verify, restore, compare, …
  std::string_view subject;  // the database or the artefact
  Bytes done;
  std::optional<Bytes> total;  // an estimate while dumping
};

struct WorkTrigger {
  std::string by;     // schedule, human, daemon
  std::string actor;  // "socket:uid=0", "token:…"; empty for the daemon's own
  std::string reason;
  std::string reference;
};

// A program that ended: its exit status, and what it said, redacted (platform/client_trouble.h).
using ProgramEnded =
    std::function<void(std::string_view program, int status, std::string_view said)>;

struct Work {
  RunId run;
  CorrelationId correlation;
  WorkTrigger trigger;
  MonoTime deadline = MonoTime::max();
  std::stop_token stop;
  std::function<void(const WorkProgress&)> progress = [](const WorkProgress&) {};
  ProgramEnded program_ended{};  // may be empty

  CallLimits limits() const { return {deadline, stop}; }
};

}  // namespace vigie
