// Starts the supervisors of children. A program of many libraries takes ten times as long to start,
// and as much memory, as a fork of one that is small and has nothing else to do; so this program is
// started a second time, once, and that process forks a supervisor for each child (what Chromium
// and Android call a zygote). See docs/adr/0021.
#pragma once

#include <sys/types.h>

#include <mutex>

#include "base/result.h"
#include "platform/descriptor.h"
#include "platform/file_system.h"
#include "platform/process_protocol.h"

namespace vigie::platform {

// Any thread may use it. The supervisors outlive it.
class ForkServer {
 public:
  explicit ForkServer(Path program);  // which calls supervise_main; started when first needed
  ~ForkServer();
  ForkServer(const ForkServer&) = delete;
  ForkServer& operator=(const ForkServer&) = delete;

  // Asks for a supervisor; whether it begins is read from its control. Starts the server anew when
  // somebody killed it. Errors: process_spawn.
  Result<> launch(const supervision::Launch& launch);

 private:
  Result<> start();  // with mutex_ held, as is the next
  void end();

  const Path program_;
  std::mutex mutex_;
  Descriptor channel_;  // guarded by mutex_; empty: not started
  Descriptor gone_;     // its pidfd; guarded by mutex_
  pid_t pid_ = -1;      // guarded by mutex_
};

Error spawn_error(const Path& program, int error_number);

}  // namespace vigie::platform
