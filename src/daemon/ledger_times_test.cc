#include "daemon/ledger_times.h"

#include <gtest/gtest.h>

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;

const SystemTime kNow = parse_rfc3339("2026-11-20T00:00:00Z").value();

ledger::LedgerView verified(SystemTime at, Verdict result = Verdict::passed) {
  ledger::LedgerView view;
  view.verification = {at, result, result == Verdict::passed ? "" : "ledger_damaged", 0, false};
  return view;
}

jobs::JobView attempted(SystemTime ended_at, jobs::RunState state) {
  jobs::JobView view;
  view.last_attempt.emplace().ended_at = ended_at;
  view.last_attempt->state = state;
  return view;
}

TEST(LedgerTimes, IsDueADayAfterTheLastTime) {
  EXPECT_FALSE(ledger_verification_due(verified(kNow - 24h + 1s), nullptr, kNow));
  EXPECT_TRUE(ledger_verification_due(verified(kNow - 24h), nullptr, kNow));
}

TEST(LedgerTimes, IsDueWhenNobodyEverHasOrAClockWasWrong) {
  EXPECT_TRUE(ledger_verification_due({}, nullptr, kNow));
  EXPECT_TRUE(ledger_verification_due(verified(kNow + 1h), nullptr, kNow));
}

TEST(LedgerTimes, IsNotDueWhileOneIsAtWork) {
  jobs::JobView runs;
  runs.running.emplace();
  EXPECT_FALSE(ledger_verification_due({}, &runs, kNow));
}

TEST(LedgerTimes, WaitsAfterAnAttemptThatLeftNothing) {
  auto runs = attempted(kNow - 59min, jobs::RunState::failed);
  EXPECT_FALSE(ledger_verification_due({}, &runs, kNow));
  runs = attempted(kNow - 1h, jobs::RunState::failed);
  EXPECT_TRUE(ledger_verification_due({}, &runs, kNow));
  runs = attempted(kNow - 1s, jobs::RunState::interrupted);
  EXPECT_TRUE(ledger_verification_due({}, &runs, kNow)) << "the process ended first";
}

TEST(LedgerTimes, LooksAgainOnceAFailureIsAcknowledged) {
  auto view = verified(kNow - 2h, Verdict::failed);
  const auto runs = attempted(kNow - 2h, jobs::RunState::failed);
  EXPECT_FALSE(ledger_verification_due(view, &runs, kNow));
  view.verification->acknowledged = true;
  EXPECT_TRUE(ledger_verification_due(view, &runs, kNow));
}

}  // namespace
}  // namespace vigie::daemon
