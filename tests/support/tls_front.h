// TLS before a plain HTTP peer of a test (http_imposter.h): on a port of loopback of its own, with
// a certificate of its own. It ends with the object. Throws std::runtime_error.
#pragma once

#include <memory>

#include "platform/process.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

class TlsFront {
 public:
  explicit TlsFront(int plain_port);

  int port() const { return port_; }
  platform::Path certificate() const { return folder_ / "ca.crt"; }  // which verifies it

 private:
  TempFolder folder_;
  int port_ = 0;
  std::unique_ptr<platform::ProcessRunner> runner_ = platform::make_process_runner();
  std::unique_ptr<platform::Process> process_;
};

}  // namespace vigie::testing
