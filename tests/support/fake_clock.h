// A clock that stands until a test moves it. Thread-safe.
#pragma once

#include <condition_variable>
#include <mutex>

#include "platform/clock.h"

namespace vigie::testing {

class FakeClock final : public platform::Clock {
 public:
  explicit FakeClock(SystemTime now = SystemTime(std::chrono::sys_days(std::chrono::year(2026) /
                                                                       11 / 20)))
      : now_(now), monotonic_(std::chrono::hours(1)) {}

  SystemTime now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  MonoTime monotonic() const override {
    const std::lock_guard lock(mutex_);
    return monotonic_;
  }
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override {
    std::unique_lock lock(mutex_);
    return moved_.wait(lock, stop, [&] { return monotonic_ >= deadline; });
  }

  // Both clocks go on.
  void advance(Duration by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
    monotonic_ += by;
    moved_.notify_all();
  }
  // Only the wall clock jumps.
  void jump_to(SystemTime now) {
    const std::lock_guard lock(mutex_);
    now_ = now;
    moved_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable_any moved_;
  SystemTime now_;      // guarded by mutex_
  MonoTime monotonic_;  // guarded by mutex_
};

}  // namespace vigie::testing
