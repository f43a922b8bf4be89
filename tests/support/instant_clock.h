// The real time, in which nobody waits: sleeps are written down and over at once. Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "platform/clock.h"

namespace vigie::testing {

class InstantClock final : public platform::Clock {
 public:
  SystemTime now() const override { return real_.now(); }
  MonoTime monotonic() const override { return real_.monotonic(); }
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override {
    const std::lock_guard lock(mutex_);
    slept_.push_back(std::chrono::duration_cast<Duration>(deadline - real_.monotonic()));
    if (at_sleep_) at_sleep_();
    return !stop.stop_requested();
  }

  // What happens while somebody sleeps. Before anybody does.
  void at_sleep(std::function<void()> happens) { at_sleep_ = std::move(happens); }

  std::vector<Duration> slept() const {
    const std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  platform::RealClock real_;
  std::function<void()> at_sleep_;
  mutable std::mutex mutex_;
  mutable std::vector<Duration> slept_;  // guarded by mutex_
};

}  // namespace vigie::testing
