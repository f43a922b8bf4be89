// A lock that is held for long: who waits for it has a deadline and can be stopped, of which a
// mutex knows nothing.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/result.h"
#include "base/work.h"

namespace vigie::platform {

// Thread-safe; outlives its turns. In no order, and nobody twice.
class Turns {
  struct GiveBack {
    void operator()(Turns* turns) const { turns->give_back(); }
  };

 public:
  // Given back at its end.
  using Turn = std::unique_ptr<Turns, GiveBack>;

  // Errors: cancelled; deadline_exceeded, of `name`: "the comparison".
  Result<Turn> take(const CallLimits& limits, std::string_view name);

 private:
  void give_back();

  std::mutex mutex_;
  std::condition_variable_any free_;
  bool taken_ = false;  // guarded by mutex_
};

}  // namespace vigie::platform
