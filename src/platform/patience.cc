#include "platform/patience.h"

#include <fmt/format.h>

namespace vigie::platform {

Patience::Patience(std::string_view name, CallLimits limits, const Clock& clock)
    : name_(name), limits_(std::move(limits)), clock_(clock), began_(clock.monotonic()) {}

Result<> Patience::may_go_on() const {
  if (limits_.stop.stop_requested())
    return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
  if (clock_.monotonic() < limits_.deadline) return {};
  const auto allowed = std::chrono::ceil<std::chrono::seconds>(limits_.deadline - began_);
  return fail(ErrorCode::deadline_exceeded,
              {{"name", std::string(name_)}, {"seconds", fmt::format("{}", allowed.count())}});
}

}  // namespace vigie::platform
