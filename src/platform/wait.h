// Waiting on descriptors with a deadline and a stop token: the one place that calls poll().
#pragma once

#include <poll.h>

#include <optional>
#include <span>
#include <stop_token>

#include "base/time.h"
#include "platform/descriptor.h"

namespace vigie::platform {

// An eventfd that becomes readable, for good, when `stop` is requested. The stop callback runs in
// the thread that requests the stop; it only writes eight bytes.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& stop);
  int fd() const { return event_.get(); }
  bool stopped() const { return stop_.stop_requested(); }

 private:
  struct Wake {
    int fd;
    void operator()() const noexcept;
  };
  std::stop_token stop_;
  Descriptor event_;
  std::stop_callback<Wake> callback_;  // last: it must end before the descriptor does
};

// Milliseconds for poll(), rounded up so that a wait never ends early; at most an hour.
int poll_timeout(MonoTime deadline);

enum class WaitEnd : unsigned char { ready, deadline, stopped };

// Until a descriptor of `wanted` is ready (revents says which), the deadline, or the stop.
// `stopped` wins over `ready`. At most seven descriptors.
WaitEnd wait_any(std::span<pollfd> wanted, MonoTime deadline, const StopSignal& stop);
WaitEnd wait_for(int fd, short events, MonoTime deadline, const StopSignal& stop);

}  // namespace vigie::platform
