// A bounded pool of threads for queries and commands: what may wait for a disk does not run on the
// engine's thread. Beyond the deadline the client is answered, and the work is asked to stop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/time.h"
#include "platform/clock.h"

namespace vigie::api {

struct PoolTask {
  std::function<void(MonoTime deadline, std::stop_token)> run;
  // Called instead of, or while, `run`, at the deadline: from another thread.
  std::function<void()> expired;
};

// Thread-safe. `clock` outlives it.
class QueryPool {
 public:
  QueryPool(const platform::Clock& clock, size_t threads, size_t queue, Duration allowance);
  ~QueryPool();  // stop()

  // False when the queue is full or the pool has stopped: the task is not taken.
  bool submit(PoolTask task);
  // Asks the tasks at work to stop, expires those that wait, and waits for the former; not for
  // ever, because a file system that hangs cannot be interrupted. False: some are at work still,
  // and everything that they use must stay: the process must leave by _Exit().
  bool stop(std::chrono::milliseconds patience = std::chrono::seconds(3));

 private:
  struct Core;

  std::shared_ptr<Core> core_;  // the threads' as well: one that hangs outlives the pool
  std::vector<std::jthread> threads_;
  bool left_behind_ = false;  // of the thread that stops
};

}  // namespace vigie::api
