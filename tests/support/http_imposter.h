// An HTTP peer for tests, on a port of the system's choice: it records what it was asked and
// answers what it was told, byte for byte. One connection after the other.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "platform/descriptor.h"

namespace vigie::testing {

class HttpImposter {
 public:
  // `answer` gets the whole request and gives the whole response; an empty one leaves the
  // connection open and silent until the imposter ends.
  using Answer = std::function<std::string(const std::string& request)>;
  explicit HttpImposter(Answer answer);
  ~HttpImposter();
  HttpImposter(const HttpImposter&) = delete;
  HttpImposter& operator=(const HttpImposter&) = delete;

  int port() const { return port_; }
  std::string url(const std::string& path = "/") const;
  std::vector<std::string> requests() const;

  static std::string response(int status, const std::string& body,
                              const std::string& header_lines = "");

 private:
  void serve(const std::stop_token& stop);
  void serve_one(int connection);

  Answer answer_;
  platform::Descriptor listener_;
  int port_ = 0;
  std::vector<platform::Descriptor> silent_;  // of the serving thread
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;  // guarded by mutex_
  std::jthread thread_;                // last: it uses all of the above
};

}  // namespace vigie::testing
