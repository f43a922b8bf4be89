// The runs in which the daemon looks at itself.
#include <array>

#include "daemon/own_request.h"
#include "daemon/self_check.h"
#include "daemon/self_check_times.h"
#include "daemon/wiring.h"

namespace vigie::daemon {
namespace {

constexpr auto kSelfCheckTimeout = std::chrono::minutes(10);

}  // namespace

SelfCheckTools Wiring::self_check_tools(std::stop_token stop) {
  const auto socket = platform::Path(config()->state.dir) / "vigie.sock";
  return {.ask =
              [this](api::Request request) {
                return ask_routes(*api_, std::move(request), world_.clock.monotonic());
              },
          .http = world_.http,
          .socket = world_.log_runs ? socket.string() : "",
          .log = world_.log_tap,
          .clock = world_.clock,
          .matrix =
              [this] {
                return ledger::matrix(*requirements(), *ledger_->view()->newest,
                                      world_.clock.now());
              },
          .stop = std::move(stop)};
}

// Each part leaves its own entry, whatever the others found.
jobs::RunOutcome Wiring::check_itself(std::span<const SelfCheckPart> parts,
                                      jobs::RunContext& context) {
  const SelfCheckTools tools = self_check_tools(context.stop_token());
  std::vector<ledger::Entry> entries;
  json::object result;
  for (const SelfCheckPart part : parts) {
    ledger::Entry entry = part(tools);
    if (context.stop_token().stop_requested())
      return jobs::RunOutcome::of(Error(ErrorCode::cancelled, {{"reason", "stopped"}}));
    entry.trigger = {context.trigger().by, context.trigger().actor, context.correlation_id(),
                     context.id()};
    if (const auto recorded = ledger_->append(entry); !recorded)
      return jobs::RunOutcome::of(recorded.error());
    result[entry.kind] = ledger::to_string(entry.result);
    entries.push_back(std::move(entry));
  }
  if (auto finding = self_check_finding(entries))
    return jobs::RunOutcome::of(*std::move(finding), std::move(result));
  return jobs::RunOutcome::succeeded(std::move(result));
}

jobs::RunRequest Wiring::self_check_request(std::string_view kind,
                                            std::span<const SelfCheckPart> parts) {
  jobs::RunRequest request;
  request.job = kSelfJob;
  request.kind = kind;
  request.claims = {"self"};  // two at once would hear each other's log
  request.timeout = kSelfCheckTimeout;
  request.work = [this, parts](jobs::RunContext& context) { return check_itself(parts, context); };
  return request;
}

jobs::RunRequest Wiring::whole_self_check() {
  return self_check_request(kSelfCheck, self_check_parts());
}

void Wiring::submit_own_check(jobs::RunRequest request) {
  request.trigger.by = "schedule";
  request.correlation_id = new_correlation_id();
  if (const auto started = executor_->submit(std::move(request)); !started)
    world_.log.write(platform::LogLevel::warn, "self_check", started.error());
}

void Wiring::check_itself_when_due() {
  static constexpr std::array<SelfCheckPart, 1> kMatrixAlone{check_matrix};
  const auto ledger = ledger_->view();
  const auto jobs = executor_->view();
  const SystemTime now = world_.clock.now();
  const auto* const whole = jobs->find(kSelfJob, kSelfCheck);
  if (self_check_repeats_.due(*ledger, whole, now)) return submit_own_check(whole_self_check());
  // The whole look is under way: it leaves the matrix as well.
  if (whole != nullptr && (whole->running || whole->queued)) return;
  const auto* const matrix = jobs->find(kSelfJob, kMatrixCheck);
  if (self_check_due(*ledger, ledger::kind::kMatrix, kMatrixCheckEvery, matrix, now))
    submit_own_check(self_check_request(kMatrixCheck, kMatrixAlone));
}

}  // namespace vigie::daemon
