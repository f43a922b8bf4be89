#include "platform/turns.h"

#include <fmt/format.h>

namespace vigie::platform {

Result<Turns::Turn> Turns::take(const CallLimits& limits, std::string_view name) {
  const MonoTime began = MonoTime::clock::now();
  std::unique_lock lock(mutex_);
  const bool got = free_.wait_until(lock, limits.stop, limits.deadline, [this] { return !taken_; });
  if (limits.stop.stop_requested())
    return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
  if (!got) {
    const auto waited = std::chrono::ceil<std::chrono::seconds>(MonoTime::clock::now() - began);
    return fail(ErrorCode::deadline_exceeded,
                {{"name", std::string(name)}, {"seconds", fmt::format("{}", waited.count())}});
  }
  taken_ = true;
  return Turn(this);
}

void Turns::give_back() {
  const std::lock_guard lock(mutex_);
  taken_ = false;
  free_.notify_one();
}

}  // namespace vigie::platform
