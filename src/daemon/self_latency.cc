// How long /health takes, as a probe sees it: over the daemon's own socket, a connection each.
#include <algorithm>

#include "daemon/self_check.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using ledger::Outcome;

constexpr auto kEach = 10s;  // beyond it there is no answer
constexpr auto kWhole = 60s;
constexpr double kP99TargetMs = 5;  // our own: missed, it is told, and is no failure

double milliseconds(MonoTime::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

// Of sorted values: the one that so many hundredths do not exceed.
double percentile(const std::vector<double>& sorted, size_t hundredths) {
  const size_t rank = (sorted.size() * hundredths + 99) / 100;
  return sorted[std::max<size_t>(rank, 1) - 1];
}

struct Measured {
  std::vector<double> milliseconds;
  size_t unanswered = 0;
};

Measured measure(const SelfCheckTools& tools) {
  Measured measured;
  platform::HttpRequest request;
  request.name = "health";
  request.url = Secret("http://localhost/health");
  request.unix_socket = tools.socket;
  const MonoTime end = tools.clock.monotonic() + kWhole;
  for (size_t i = 0; i < kHealthRequests && !tools.stop.stop_requested(); ++i) {
    const MonoTime start = tools.clock.monotonic();
    if (start >= end) break;
    const auto answer = tools.http.send(request, std::min(start + kEach, end), tools.stop);
    if (answer && answer->status == 200)
      measured.milliseconds.push_back(milliseconds(tools.clock.monotonic() - start));
    else
      ++measured.unanswered;
  }
  std::ranges::sort(measured.milliseconds);
  return measured;
}

void judge(ledger::Entry& entry, const Measured& measured) {
  const double p95 = percentile(measured.milliseconds, 95);
  const double p99 = percentile(measured.milliseconds, 99);
  entry.measures["p50_ms"] = percentile(measured.milliseconds, 50);
  entry.measures["p95_ms"] = p95;
  entry.measures["p99_ms"] = p99;
  entry.measures["max_ms"] = measured.milliseconds.back();
  entry.assertions.push_back({"p95_ms within 2000", kHealthP95LimitMs, p95,
                              p95 <= kHealthP95LimitMs ? Outcome::passed : Outcome::failed});
  assert_that(entry, "requests without an answer", 0, measured.unanswered);
  if (p99 > kP99TargetMs) entry.deviations.emplace_back("p99 is above the own target of 5 ms");
}

}  // namespace

ledger::Entry check_health_latency(const SelfCheckTools& tools) {
  ledger::Entry entry = begin_check(ledger::kind::kHealthLatency, tools.clock);
  const Measured measured = tools.socket.empty() ? Measured() : measure(tools);
  entry.measures["requests"] = measured.milliseconds.size();
  if (!measured.milliseconds.empty()) {
    judge(entry, measured);
  } else {
    entry.assertions.push_back({"a daemon that answers", true, false, Outcome::could_not_verify});
    entry.error_code = error_info(ErrorCode::daemon_unreachable).name;
  }
  return end_check(std::move(entry), tools.clock);
}

}  // namespace vigie::daemon
