// A line to a server that breaks: it passes bytes on, and cuts a connection when its client has
// sent so many on it, or holds all of them. For requests that must be repeated in their middle, and
// for clients that die there.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "platform/descriptor.h"

namespace vigie::testing {

class CuttingProxy {
 public:
  // To a port of this host.
  explicit CuttingProxy(int target);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // The next `times` connections whose client sends `bytes` are cut there.
  void cut(int times, size_t bytes) {
    bytes_ = bytes;
    left_ = times;
  }
  // When the clients have sent `bytes` from now on, all together, nothing goes on until release().
  void hold(size_t bytes);
  void release();
  bool holds();                                     // waits for it, a minute at most
  int left() const { return left_; }                // cuts that have not happened yet
  int connections() const { return connections_; }  // that were made

 private:
  void serve(const std::stop_token& stop);
  void serve_one(int client, const std::stop_token& stop);
  void count_and_wait(size_t bytes, const std::stop_token& stop);

  const int target_;
  platform::Descriptor listener_;
  int port_ = 0;
  std::atomic<size_t> bytes_ = 0;
  std::atomic<int> left_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  size_t until_held_ = SIZE_MAX;  // zero: it is; guarded by mutex_
  std::jthread thread_;           // last: it uses all of the above
};

}  // namespace vigie::testing
