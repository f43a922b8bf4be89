// The program looks at itself: what is a property of the program and not of a backup is checked
// where it runs, and leaves evidence. docs/manual/matrix.md says what each part looks at.
//
// One thread. Nothing is changed: requests that are made on purpose are such as are refused.
#pragma once

#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "api/message.h"
#include "ledger/entry.h"
#include "ledger/matrix.h"
#include "platform/clock.h"
#include "platform/http_client.h"
#include "platform/log_tap.h"

namespace vigie::daemon {

struct SelfCheckTools {
  std::function<api::Response(api::Request)> ask;  // the program's own routes
  platform::HttpClient& http;
  std::string socket;       // where the daemon answers; empty: nobody serves
  platform::LogTap* log{};  // null: nobody sees what is logged
  const platform::Clock& clock;
  std::function<std::vector<ledger::MatrixRow>()> matrix;
  std::stop_token stop;
};

// Each makes an entry of its kind, with assertions, measures and its times; the trigger is the
// caller's.
ledger::Entry check_status_contract(const SelfCheckTools& tools);
ledger::Entry check_error_contract(const SelfCheckTools& tools);
ledger::Entry check_canary(const SelfCheckTools& tools);
ledger::Entry check_health_latency(const SelfCheckTools& tools);
ledger::Entry check_matrix(const SelfCheckTools& tools);

using SelfCheckPart = ledger::Entry (*)(const SelfCheckTools&);
std::span<const SelfCheckPart> self_check_parts();

// What is said of /health, by whoever measured it: of so many requests at least.
inline constexpr size_t kHealthRequests = 300;
inline constexpr double kHealthP95LimitMs = 2000;

// What the parts have in common.
ledger::Entry begin_check(std::string_view kind, const platform::Clock& clock);
// The result is the worst of the assertions; those that were skipped say nothing.
ledger::Entry end_check(ledger::Entry entry, const platform::Clock& clock);
void assert_that(ledger::Entry& entry, std::string id, json::value expected, json::value actual);

// Of parts that did not pass, as how a run ended; nothing when all did.
std::optional<Error> self_check_finding(std::span<const ledger::Entry> entries);

}  // namespace vigie::daemon
