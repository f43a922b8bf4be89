// What a loop asks between two of its steps: whether it may go on.
#pragma once

#include <string_view>

#include "base/result.h"
#include "base/work.h"
#include "platform/clock.h"

namespace vigie::platform {

// Begins when it is made. Thread-safe.
class Patience {
 public:
  // `name` is the work's, and a literal: "the copy". The clock must outlive it.
  Patience(std::string_view name, CallLimits limits, const Clock& clock);
  // Errors: cancelled, deadline_exceeded.
  Result<> may_go_on() const;

 private:
  std::string_view name_;
  CallLimits limits_;
  const Clock& clock_;
  MonoTime began_;
};

}  // namespace vigie::platform
