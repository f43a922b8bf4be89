// A bounded pool of threads for queries and commands: what may wait for a disk does not run on the
// engine's thread. Beyond the deadline the client is answered, and the work is asked to stop.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
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
  // Asks the tasks at work to stop and waits for them; those that wait are expired.
  void stop();

 private:
  struct Job {
    PoolTask task;
    MonoTime deadline{};
    std::stop_source stop;
  };
  using JobPtr = std::shared_ptr<Job>;

  void work(const std::stop_token& stop);
  void watch(const std::stop_token& stop);
  JobPtr next_job(const std::stop_token& stop);
  void finished(const JobPtr& job);
  void expire_until(MonoTime now);

  const platform::Clock& clock_;
  size_t queue_;
  Duration allowance_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool stopped_ = false;        // guarded by mutex_
  std::deque<JobPtr> waiting_;  // guarded by mutex_
  std::deque<JobPtr> all_;      // waiting or at work, by deadline; guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace vigie::api
