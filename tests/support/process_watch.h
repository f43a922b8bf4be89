// Watching processes from outside, without sleeping.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "platform/descriptor.h"

namespace vigie::testing {

// Opened while the process lives, so that its id cannot be another's by then.
class ProcessWatch {
 public:
  explicit ProcessWatch(pid_t pid);
  bool alive() const;
  // True when the process ended within `patience`.
  bool ends_within(std::chrono::milliseconds patience) const;

 private:
  platform::Descriptor fd_;
};

// 'S' sleeping, 'T' stopped, 'Z' …; 0 when there is none.
char process_state(pid_t pid);
// Asks until the process is in `state`; false after ten seconds.
bool reaches_state(pid_t pid, char state);

// Those that run `program`, or have it in their command line, and in whose environment this text
// stands.
std::vector<pid_t> processes_of(std::string_view program, std::string_view environment);

// A pipe: a child writes lines, the test reads them.
class LinePipe {
 public:
  LinePipe();
  int writing_end() const { return in_.get(); }
  void close_writing_end() { (void)in_.close(); }
  // The next line without its newline; empty at the end, or after ten seconds.
  std::string line();
  pid_t pid() { return static_cast<pid_t>(std::stol(line())); }

 private:
  platform::Descriptor out_;
  platform::Descriptor in_;
};

}  // namespace vigie::testing
