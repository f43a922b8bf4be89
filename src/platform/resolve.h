// Host names to addresses, with a deadline: getaddrinfo itself has none.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "platform/wait.h"

namespace vigie::platform {

struct Resolved {
  enum class End : unsigned char { found, unknown, deadline, stopped };
  End end = End::unknown;
  std::vector<std::string> addresses;  // numeric, in the order of preference; at most eight
};

// A look-up that outlives its deadline goes on in a thread of its own until the system gives it up;
// there are at most eight of those, and with eight the answer is `deadline` at once.
Resolved resolve_host(const std::string& name, MonoTime deadline, const StopSignal& stop);

}  // namespace vigie::platform
