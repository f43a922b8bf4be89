// A program whose output is short and wanted as text.
#pragma once

#include <string>

#include "platform/process.h"

namespace vigie::platform {

struct TextEnd {
  ProcessEnd end;
  std::string output;
};

// Runs `command` and keeps what it writes to stdout. Errors: process_spawn, deadline_exceeded,
// cancelled, and limit_exceeded when it writes more than `max` (it is ended then).
Result<TextEnd> run_for_text(ProcessRunner& runner, Command command, Bytes max, MonoTime deadline,
                             std::stop_token stop);

}  // namespace vigie::platform
