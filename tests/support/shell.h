// A child that does what a line of shell says.
#pragma once

#include <string>
#include <utility>

#include "platform/process.h"
#include "tests/support/process_watch.h"

namespace vigie::testing {

// `output` as in Command: it stays the caller's.
inline platform::Command shell(std::string script, int output = -1) {
  platform::Command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", std::move(script)};
  command.output = output;
  return command;
}

inline platform::Command shell(std::string script, const LinePipe& lines) {
  return shell(std::move(script), lines.writing_end());
}

}  // namespace vigie::testing
