#include "daemon/self_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "ledger/requirements.h"

namespace vigie::daemon {
namespace {

using ledger::Outcome;
using ledger::Standing;

constexpr std::array<SelfCheckPart, 5> kParts{check_status_contract, check_error_contract,
                                              check_canary, check_health_latency, check_matrix};

bool any(const ledger::Entry& entry, Outcome result) {
  return std::ranges::count(entry.assertions, result, &ledger::Assertion::result) > 0;
}

Outcome worst_of(const ledger::Entry& entry) {
  if (any(entry, Outcome::failed)) return Outcome::failed;
  const bool decided = any(entry, Outcome::passed) && !any(entry, Outcome::could_not_verify);
  return decided ? Outcome::passed : Outcome::could_not_verify;
}

}  // namespace

std::span<const SelfCheckPart> self_check_parts() {
  return kParts;
}

ledger::Entry begin_check(std::string_view kind, const platform::Clock& clock) {
  ledger::Entry entry;
  entry.kind = kind;
  entry.started_at = clock.now();
  return entry;
}

ledger::Entry end_check(ledger::Entry entry, const platform::Clock& clock) {
  entry.ended_at = std::max(entry.started_at, clock.now());
  entry.result = worst_of(entry);
  if (entry.result == Outcome::failed) {
    entry.error_code = error_info(ErrorCode::requirements_unmet).name;
    entry.follow_up = "vigie self-check run";
  }
  return entry;
}

void assert_that(ledger::Entry& entry, std::string id, json::value expected, json::value actual) {
  const Outcome result = expected == actual ? Outcome::passed : Outcome::failed;
  entry.assertions.push_back({std::move(id), std::move(expected), std::move(actual), result});
}

// That there is one, of all requirements and of this moment; not that each of them is met.
ledger::Entry check_matrix(const SelfCheckTools& tools) {
  ledger::Entry entry = begin_check(ledger::kind::kMatrix, tools.clock);
  const auto rows = tools.matrix();
  assert_that(entry, "computed", true, !rows.empty());
  for (const Standing one : ledger::kEveryStanding)
    entry.measures[ledger::to_string(one)] =
        std::ranges::count(rows, one, &ledger::MatrixRow::status);
  entry.measures["requirements"] = rows.size();
  entry.measures["required_unmet"] = ledger::count_unmet(rows);
  return end_check(std::move(entry), tools.clock);
}

std::optional<Error> self_check_finding(std::span<const ledger::Entry> entries) {
  std::set<std::string_view> ids;
  std::set<std::string_view> unmet;
  std::vector<std::string_view> kinds;
  Outcome worst = Outcome::passed;
  for (const ledger::Entry& one : entries) {
    const auto of_kind = ledger::requirements_of(one.kind);
    ids.insert(of_kind.begin(), of_kind.end());
    if (one.result == Outcome::passed) continue;
    unmet.insert(of_kind.begin(), of_kind.end());
    kinds.push_back(one.kind);
    if (worst != Outcome::failed) worst = one.result;
  }
  if (worst == Outcome::passed) return std::nullopt;
  const std::string reason = fmt::format("{}", fmt::join(kinds, ", "));
  if (worst != Outcome::failed)
    return Error(ErrorCode::daemon_unreachable, {{"path", "vigie.sock"}, {"reason", reason}});
  return Error(ErrorCode::requirements_unmet, {{"observed", std::to_string(unmet.size())},
                                               {"expected", std::to_string(ids.size())},
                                               {"reason", reason}});
}

}  // namespace vigie::daemon
