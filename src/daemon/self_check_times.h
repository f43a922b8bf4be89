// When the daemon looks at itself: a week after the last time, and at its matrix each day; the
// ledger itself remembers.
#pragma once

#include "jobs/view.h"
#include "ledger/view.h"

namespace vigie::daemon {

inline constexpr std::string_view kSelfJob = "vigie";
inline constexpr std::string_view kSelfCheck = "self_check";
inline constexpr std::string_view kMatrixCheck = "matrix";

inline constexpr Duration kSelfCheckEvery = std::chrono::hours(24 * 7);
inline constexpr Duration kMatrixCheckEvery = std::chrono::hours(24);
// After an attempt that left no entry.
inline constexpr Duration kSelfCheckAgain = std::chrono::hours(1);

// At once when nobody ever has, and when the last time is still to come: a clock was wrong. `kind`:
// of the evidence that it leaves.
inline bool self_check_due(const ledger::LedgerView& ledger, std::string_view kind, Duration every,
                           const jobs::JobView* runs, SystemTime now) {
  const auto within = [now](const std::optional<SystemTime>& at, Duration period) {
    return at && *at <= now && now - *at < period;
  };
  if (!ledger.newest || (runs != nullptr && (runs->running || runs->queued))) return false;
  const auto& known = ledger.newest->of(kind);
  const auto last = known.find("");
  if (last != known.end() && within(last->second.last.at, every)) return false;
  return runs == nullptr || !runs->last_attempt ||
         !within(runs->last_attempt->ended_at, kSelfCheckAgain);
}

}  // namespace vigie::daemon
