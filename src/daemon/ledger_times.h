// When the daemon verifies its ledger: a day after the last time, which the ledger itself
// remembers.
#pragma once

#include "jobs/view.h"
#include "ledger/view.h"

namespace vigie::daemon {

inline constexpr std::string_view kLedgerJob = "ledger";
inline constexpr std::string_view kLedgerVerify = "evidence_verify";

inline constexpr Duration kLedgerVerifyEvery = std::chrono::hours(24);
// After an attempt that left no entry, or after a failure that somebody has acknowledged since.
inline constexpr Duration kLedgerVerifyAgain = std::chrono::hours(1);

// At once when nobody ever has, and when the last time is still to come: a clock was wrong.
inline bool ledger_verification_due(const ledger::LedgerView& ledger, const jobs::JobView* runs,
                                    SystemTime now) {
  const auto within = [now](const std::optional<SystemTime>& at, Duration period) {
    return at && *at <= now && now - *at < period;
  };
  if (runs != nullptr && (runs->running || runs->queued)) return false;
  const auto& last = ledger.verification;
  const bool stands = last && !(last->result != Verdict::passed && last->acknowledged);
  if (stands && within(last->at, kLedgerVerifyEvery)) return false;
  const bool tried = runs != nullptr && runs->last_attempt &&
                     runs->last_attempt->state != jobs::RunState::interrupted;
  return !tried || !within(runs->last_attempt->ended_at, kLedgerVerifyAgain);
}

}  // namespace vigie::daemon
