// A thread for what must not be waited for: when it does not return in time (a file system that
// hangs cannot be interrupted), it is left behind, and the process must leave by _Exit().
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <stop_token>
#include <thread>

namespace vigie::daemon {

class Beside {
 public:
  void start(std::function<void(std::stop_token)> work) {
    auto ended = std::make_shared<std::promise<void>>();
    ended_ = ended->get_future();
    thread_ = std::jthread([work = std::move(work), ended](std::stop_token stop) {
      work(std::move(stop));
      ended->set_value();
    });
  }
  void request_stop() { thread_.request_stop(); }
  // Also of one that was left behind since.
  bool ended() const {
    return !ended_.valid() || ended_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  // False: it is still at work, and everything that it uses must stay.
  bool ends_within(std::chrono::milliseconds patience) {
    if (!thread_.joinable()) return true;
    if (ended_.wait_for(patience) == std::future_status::ready) return true;
    thread_.detach();
    return false;
  }

 private:
  std::future<void> ended_;
  std::jthread thread_;
};

}  // namespace vigie::daemon
