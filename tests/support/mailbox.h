// How a test hears from another thread: put() there, take() here. take() fails the test and returns
// nothing when no letter came within a minute, so that a broken test ends instead of hanging.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

namespace vigie::testing {

// Thread-safe.
template <class T>
class Mailbox {
 public:
  void put(T letter) {
    const std::lock_guard lock(mutex_);
    letters_.push_back(std::move(letter));
    came_.notify_all();
  }
  std::optional<T> take() {
    std::unique_lock lock(mutex_);
    if (!came_.wait_for(lock, std::chrono::minutes(1), [&] { return !letters_.empty(); })) {
      ADD_FAILURE() << "nothing came within a minute";
      return std::nullopt;
    }
    T letter = std::move(letters_.front());
    letters_.pop_front();
    return letter;
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return letters_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::deque<T> letters_;  // guarded by mutex_
};

}  // namespace vigie::testing
