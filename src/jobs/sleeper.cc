#include "jobs/sleeper.h"

namespace vigie::jobs {

void Sleeper::sleep_until(MonoTime deadline, const std::stop_token& stop) {
  std::stop_source wake = current();
  const std::stop_callback ended(stop, [&] { wake.request_stop(); });
  clock_.sleep_until(deadline, wake.get_token());
  const std::lock_guard lock(mutex_);
  if (wake_.stop_requested()) wake_ = std::stop_source();
}

void Sleeper::wake() {
  // Its callbacks wake the sleeper: not below the mutex, which the sleeper takes.
  current().request_stop();
}

std::stop_source Sleeper::current() {
  const std::lock_guard lock(mutex_);
  return wake_;
}

}  // namespace vigie::jobs
