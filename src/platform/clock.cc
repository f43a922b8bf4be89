#include "platform/clock.h"

#include <condition_variable>
#include <mutex>

namespace vigie::platform {

SystemTime RealClock::now() const {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

MonoTime RealClock::monotonic() const {
  return std::chrono::steady_clock::now();
}

bool RealClock::sleep_until(MonoTime deadline, std::stop_token stop) const {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_until(lock, stop, deadline, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace vigie::platform
