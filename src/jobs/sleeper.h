// Sleeps on a Clock until a time, or until somebody wakes it.
#pragma once

#include <mutex>
#include <stop_token>

#include "platform/clock.h"

namespace vigie::jobs {

// wake() from any thread; one thread sleeps. A wake() that came while nobody slept ends the next
// sleep at once, so a change made before it is always seen.
class Sleeper {
 public:
  explicit Sleeper(const platform::Clock& clock) : clock_(clock) {}

  void sleep_until(MonoTime deadline, const std::stop_token& stop);
  void wake();

 private:
  std::stop_source current();

  const platform::Clock& clock_;
  std::mutex mutex_;
  std::stop_source wake_;  // guarded by mutex_; a new one for each sleep
};

}  // namespace vigie::jobs
