// Secrets that are sent to the wrong places on purpose: none may come back.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/encoding.h"
#include "daemon/own_request.h"
#include "daemon/self_check.h"

namespace vigie::daemon {
namespace {

using ledger::Outcome;

// One by its form alone, as a token that somebody pasted; one because the process knows it, as the
// password of a database.
struct Canary {
  std::string name;
  std::string secret;
  std::vector<std::string> forms;
};

// One for the process: what is told to the log as a secret is known there from then on.
const std::string& known_secret() {
  static const std::string secret = "Canary/" + new_run_id().str();
  return secret;
}

std::vector<Canary> make_canaries() {
  const std::string random = new_run_id().str() + new_run_id().str();
  Canary token{"a token", "vgt_" + random.substr(0, 43), {}};
  token.forms = {token.secret};
  Canary known{"a known secret", known_secret(), {}};
  known.forms = {known.secret, percent_encode(known.secret), base64_encode(as_bytes(known.secret))};
  platform::known_secrets().add(Secret(known.secret));
  return {std::move(token), std::move(known)};
}

constexpr std::array<std::string_view, 2> kIds{"x-correlation-id", "x-request-id"};

// Each place of a request that takes words of the client's. Every one carries `mark`, which shows
// in its line of the log.
std::vector<api::Request> requests_with(const std::string& text, const std::string& mark) {
  const std::string encoded = percent_encode(text);
  const std::string no_run = "/v1/runs/" + std::string(32, '0');
  std::vector<api::Request> requests;
  const auto add = [&](Result<api::Request> request, std::string_view header = {}) {
    if (!request) return;
    for (const std::string_view id : kIds)
      if (id != header) request->headers.emplace_back(id, mark);
    if (!header.empty()) request->headers.emplace_back(header, text);
    if (header == "authorization") as_stranger(*request, 1);
    requests.push_back(*std::move(request));
  };
  add(own_request("GET", "/v1/runs/" + encoded));
  add(own_request("GET", "/v1/backups/" + encoded));
  add(own_request("GET", "/v1/evidence?kind=" + encoded));
  add(own_request("GET", "/v1/evidence?" + encoded + "=1"));
  add(own_request("GET", "/" + encoded));
  add(own_request("POST", "/v1/backups/" + encoded + "/runs", json::object{{text, text}}));
  add(own_request("POST", "/v1/evidence", json::object{{"kind", text}, {"summary", text}}));
  for (const std::string_view header :
       {"authorization", "x-correlation-id", "x-request-id", "idempotency-key", "content-type"})
    add(own_request("GET", no_run), header);
  return requests;
}

bool holds_any(std::string_view text, const std::vector<std::string>& forms) {
  return std::ranges::any_of(
      forms, [&](const std::string& form) { return text.find(form) != std::string_view::npos; });
}

bool answer_holds(const api::Response& response, const std::vector<std::string>& forms) {
  return holds_any(response.body, forms) ||
         std::ranges::any_of(response.headers,
                             [&](const auto& header) { return holds_any(header.second, forms); });
}

class CanaryCheck {
 public:
  explicit CanaryCheck(const SelfCheckTools& tools) : tools_(tools) {}

  ledger::Entry run() {
    if (tools_.log != nullptr) tools_.log->listen_for(mark_);
    const auto canaries = make_canaries();
    for (const Canary& one : canaries) send(one);
    for (const Canary& one : canaries)
      assert_that(entry_, one.name + ": answers that show it", 0, answers_with_[one.name]);
    read_log(canaries);
    entry_.measures["requests"] = requests_;
    return end_check(std::move(entry_), tools_.clock);
  }

 private:
  void send(const Canary& canary) {
    for (const std::string& form : canary.forms) {
      for (api::Request& request : requests_with(form, mark_)) {
        if (tools_.stop.stop_requested()) return;
        ++requests_;
        const auto response = tools_.ask(std::move(request));
        if (answer_holds(response, canary.forms)) ++answers_with_[canary.name];
      }
    }
  }

  // Without a daemon refusals are not logged: there is nothing to be looked at.
  void read_log(const std::vector<Canary>& canaries) {
    const auto lines = tools_.log == nullptr ? std::vector<std::string>() : tools_.log->finish();
    entry_.measures["log_lines"] = lines.size();
    if (lines.empty()) {
      const Outcome result = tools_.socket.empty() ? Outcome::skipped : Outcome::could_not_verify;
      entry_.assertions.push_back({"log", "lines", "none were seen", result});
      return;
    }
    for (const Canary& one : canaries)
      assert_that(entry_, one.name + ": lines of the log that show it", 0,
                  std::ranges::count_if(
                      lines, [&](const std::string& line) { return holds_any(line, one.forms); }));
  }

  const SelfCheckTools& tools_;
  const std::string mark_ = "self-check-" + new_run_id().str().substr(0, 16);
  ledger::Entry entry_ = begin_check(ledger::kind::kCanary, tools_.clock);
  std::map<std::string, int64_t> answers_with_;
  size_t requests_ = 0;
};

}  // namespace

ledger::Entry check_canary(const SelfCheckTools& tools) {
  return CanaryCheck(tools).run();
}

}  // namespace vigie::daemon
