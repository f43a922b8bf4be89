// A line to a server that breaks: it passes bytes on, and cuts a connection when its client has
// sent so many on it. For requests that must be repeated in their middle.
#pragma once

#include <atomic>
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
  int left() const { return left_; }                // cuts that have not happened yet
  int connections() const { return connections_; }  // that were made

 private:
  void serve(const std::stop_token& stop);
  void serve_one(int client, const std::stop_token& stop);

  const int target_;
  platform::Descriptor listener_;
  int port_ = 0;
  std::atomic<size_t> bytes_ = 0;
  std::atomic<int> left_ = 0;
  std::atomic<int> connections_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace vigie::testing
