// The seam to other programs. Every child runs below a supervisor (process group of its own, child
// subreaper, a channel whose end of file means that the parent is gone: the group and all
// descendants are killed), so that no program outlives the one that started it, however that one
// ends. Parent-death signals alone do not reach pg_dump's workers. The supervisors are forks of
// `vigie __supervise` (fork_server.h).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "platform/file_system.h"

namespace vigie::platform {

struct Command {
  Path program;                        // absolute
  std::vector<std::string> arguments;  // without the program; never a secret
  std::vector<std::pair<std::string, std::string>>
      environment;                // the child's whole environment, beside PATH, LANG
                                  // and TZ; never a secret
  Path folder;                    // working folder; empty: "/"
  int input = -1;                 // descriptor for stdin; -1: /dev/null
  int output = -1;                // the same for stdout
  size_t keep_stderr = 64 << 10;  // bytes of stderr kept (the first half and the last)
};

struct ProcessEnd {
  int status = 0;  // exit status; 128 + signal when a signal ended it
  bool signalled = false;
  std::string
      error_text;  // what it wrote to stderr, cut; may hold row values: never log or store it raw
};

// A running child. One thread owns it; signal_group may be called from any thread. The destructor
// kills and reaps.
class Process {
 public:
  virtual ~Process() = default;
  // Waits for its end, until `deadline`, or until `stop`: then the group gets TERM, and KILL after
  // 5 s. Errors: deadline_exceeded, cancelled.
  virtual Result<ProcessEnd> wait(MonoTime deadline, std::stop_token stop) = 0;
  // SIGSTOP and SIGCONT hold a dump back; the supervisor itself never stops.
  virtual void signal_group(int signal) = 0;
  virtual bool running() const = 0;
};

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  // Waits until the program has begun, 15 s at most. Errors: process_spawn, cancelled.
  virtual Result<std::unique_ptr<Process>> start(const Command& command,
                                                 const std::stop_token& stop) = 0;
};

// Starts children below forks of `supervisor __supervise`; normally /proc/self/exe. The children
// outlive the runner, not this process.
std::unique_ptr<ProcessRunner> make_process_runner(Path supervisor = "/proc/self/exe");

// The body of `vigie __supervise`: forks supervisors for as long as the parent lives. Returns the
// exit status.
int supervise_main();

// Starts and waits.
Result<ProcessEnd> run_to_end(ProcessRunner& runner, const Command& command, MonoTime deadline,
                              std::stop_token stop);

}  // namespace vigie::platform
