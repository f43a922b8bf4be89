// What a piece of work of this room is given by whoever runs it (a run of `jobs`, or a test).
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/ids.h"
#include "platform/postgres.h"

namespace vigie::backup {

struct Progress {
  std::string_view phase;    // preflight, dump, source check, publish, verify, expire
  std::string_view subject;  // the database or the artefact
  Bytes done;
  std::optional<Bytes> total;  // an estimate while dumping
};

struct Trigger {
  std::string by;     // schedule, human, daemon
  std::string actor;  // "socket:uid=0", "token:…"; empty for the daemon's own
  std::string reason;
  std::string reference;
};

// A program that ended: its exit status, and what it said, redacted (dump_reason.h).
using ProgramEnded =
    std::function<void(std::string_view program, int status, std::string_view said)>;

struct Work {
  RunId run;
  CorrelationId correlation;
  Trigger trigger;
  MonoTime deadline = MonoTime::max();
  std::stop_token stop;
  std::function<void(const Progress&)> progress = [](const Progress&) {};
  ProgramEnded program_ended{};  // may be empty

  platform::CallLimits limits() const { return {deadline, stop}; }
};

}  // namespace vigie::backup
