// The seam to time. Whoever needs the time is given a Clock; nothing reads a global one.
#pragma once

#include <stop_token>

#include "base/time.h"

namespace vigie::platform {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SystemTime now() const = 0;      // wall clock: may jump, both ways
  virtual MonoTime monotonic() const = 0;  // for deadlines and durations: never jumps
  // Returns at `deadline`, or as soon as `stop` is requested. True when the deadline was reached.
  virtual bool sleep_until(MonoTime deadline, std::stop_token stop) const = 0;
};

class RealClock final : public Clock {
 public:
  SystemTime now() const override;
  MonoTime monotonic() const override;
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override;
};

}  // namespace vigie::platform
