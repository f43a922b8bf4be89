// When the daemon looks at itself: a week after the last time, and at its matrix each day; the
// ledger itself remembers.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "jobs/view.h"
#include "ledger/entry.h"
#include "ledger/view.h"

namespace vigie::daemon {

inline constexpr std::string_view kSelfJob = "vigie";
inline constexpr std::string_view kSelfCheck = "self_check";
inline constexpr std::string_view kMatrixCheck = "matrix";

inline constexpr Duration kSelfCheckEvery = std::chrono::hours(24 * 7);
inline constexpr Duration kMatrixCheckEvery = std::chrono::hours(24);
// After an attempt that left no entry, and after one of which a part could not be verified: a busy
// moment is no reason to know nothing for a week.
inline constexpr Duration kSelfCheckAgain = std::chrono::hours(1);
inline constexpr int kMostSelfChecksAgain = 3;  // of the latter, in a row

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

// Some part of the last look could not be verified.
inline bool left_open(const ledger::LedgerView& ledger, std::span<const std::string_view> kinds) {
  const auto open = [&](std::string_view kind) {
    const auto& known = ledger.newest->of(kind);
    const auto last = known.find("");
    return last != known.end() && last->second.last.result == ledger::Outcome::could_not_verify;
  };
  return ledger.newest && std::ranges::any_of(kinds, open);
}

// How often a look was repeated because of that. One thread.
class SelfCheckRepeats {
 public:
  // Whether the whole look is due now; whoever is told so does it.
  bool due(const ledger::LedgerView& ledger, const jobs::JobView* runs, SystemTime now) {
    static constexpr std::array kKinds{ledger::kind::kStatusContract, ledger::kind::kErrorContract,
                                       ledger::kind::kCanary, ledger::kind::kHealthLatency};
    const auto due_after = [&](Duration period) {
      return self_check_due(ledger, ledger::kind::kStatusContract, period, runs, now);
    };
    const bool again =
        count_ < kMostSelfChecksAgain && left_open(ledger, kKinds) && due_after(kSelfCheckAgain);
    if (due_after(kSelfCheckEvery))
      count_ = 0;
    else if (again)
      ++count_;
    else
      return false;
    return true;
  }

 private:
  int count_ = 0;
};

}  // namespace vigie::daemon
