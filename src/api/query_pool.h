// A bounded pool of threads for queries and commands: what may wait for a disk does not run on the
// engine's thread. Beyond the deadline the client is answered, and the work is asked to stop.
//
// Work that does not return at its deadline is written off: its thread is left behind, since
// nothing can interrupt a file system that hangs, and another takes its place. `spares` bounds how
// often, and `most_hung_alike` how many of one kind, so that those of one hung store do not use up
// all. A thread that was left behind and comes back after all works again, or ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/time.h"
#include "platform/clock.h"

namespace vigie::api {

struct PoolTask {
  std::string kind{};  // tasks of one kind wait for the same things
  std::function<void(MonoTime deadline, std::stop_token)> run;
  // Called instead of, or while, `run`, at the deadline: from another thread.
  std::function<void()> expired;
};

struct PoolOptions {
  size_t threads = 2;          // at work on what has not passed its deadline
  size_t queue = 32;           // tasks that wait for a thread
  size_t spares = 8;           // threads beyond those, in the place of such as hang
  size_t most_hung_alike = 3;  // then tasks of this kind are refused
  Duration allowance = std::chrono::seconds(30);  // from submit() to the deadline
};

struct PoolFigures {
  size_t hung = 0;     // threads left behind
  bool usable = true;  // false: all hang, and none may be added
};

// Thread-safe. `clock` outlives it.
class QueryPool {
 public:
  // `full`: of what waits, or the pool has stopped. `hung`: too much of this kind hangs, or all.
  enum class Answer : unsigned char { taken, full, hung };

  QueryPool(const platform::Clock& clock, const PoolOptions& options);
  ~QueryPool();  // stop()

  Answer submit(PoolTask task);
  PoolFigures figures() const;
  // Asks the tasks at work to stop, expires those that wait, and waits for the former; not for
  // ever, because a file system that hangs cannot be interrupted. False: some are at work still,
  // and everything that they use must stay: the process must leave by _Exit().
  bool stop(std::chrono::milliseconds patience = std::chrono::seconds(3));

 private:
  struct Core;

  std::shared_ptr<Core> core_;  // the threads' as well: one that hangs outlives the pool
  bool stopped_ = false;        // of the thread that stops, as all below
  bool left_behind_ = false;
};

}  // namespace vigie::api
