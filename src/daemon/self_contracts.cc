// What is promised of every answer: the status documents and the errors.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "api/documents.h"
#include "api/problem.h"
#include "daemon/own_request.h"
#include "daemon/self_check.h"

namespace vigie::daemon {
namespace {

using ledger::Outcome;
using namespace std::chrono_literals;

constexpr Duration kFresh = 1min;

json::object parse_object(std::string_view text) {
  auto value = parse_json(text, {.max_bytes = size_t{16} << 20});
  return value && value->is_object() ? std::move(value->get_object()) : json::object();
}

std::string_view text_at(const json::object& object, std::string_view key) {
  const json::string* const text = find_string(object, key);
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// As the schema that this release publishes says.
json::array required_keys(std::string_view schema) {
  for (const api::EmbeddedFile& file : api::embedded_documents()) {
    if (file.name != schema) continue;
    const json::object document = parse_object(file.bytes);
    const json::array* const required = find_array(document, "required");
    return required == nullptr ? json::array() : *required;
  }
  return {};
}

std::string missing_in(const json::object& document, const json::array& keys) {
  if (keys.empty()) return "the schema";
  std::vector<std::string> missing;
  for (const json::value& key : keys)
    if (key.is_string() && document.if_contains(key.get_string()) == nullptr)
      missing.emplace_back(key.get_string());
  return fmt::format("{}", fmt::join(missing, ", "));
}

bool in_closed_set(std::string_view status) {
  constexpr std::array<std::string_view, 4> kStatuses{"pass", "warn", "fail", "unknown"};
  return std::ranges::find(kStatuses, status) != kStatuses.end();
}

bool checks_in_closed_set(const json::object& document) {
  const json::array* const checks = find_array(document, "checks");
  return checks != nullptr && std::ranges::all_of(*checks, [](const json::value& check) {
           return check.is_object() && in_closed_set(text_at(check.get_object(), "status"));
         });
}

// In UTC, and of now.
bool is_timely(const json::object& document, SystemTime now) {
  const std::string_view text = text_at(document, "generated_at");
  const auto time = parse_rfc3339(text);
  return time && text.ends_with('Z') && *time <= now + kFresh && *time >= now - kFresh;
}

struct Form {
  std::string_view name;
  std::string_view schema;
  std::string_view id;  // what `schema` in the document says
  bool trusted;         // asks as the owner
};
constexpr std::array<Form, 2> kForms{{
    {"full", "status-1.schema.json", "vigie.status/1", true},
    {"public", "status-public-1.schema.json", "vigie.status-public/1", false},
}};

void check_document(ledger::Entry& entry, const SelfCheckTools& tools, const std::string& path,
                    const Form& form) {
  auto request = own_request("GET", path);
  const std::string name = fmt::format("{} {}", path, form.name);
  if (!request) return assert_that(entry, name, "an answer", "none");
  if (!form.trusted) as_stranger(*request, 0);
  const api::Response response = tools.ask(*std::move(request));
  const json::object document = parse_object(response.body);
  assert_that(entry, name + ": schema", json::value(form.id),
              json::value(text_at(document, "schema")));
  assert_that(entry, name + ": missing keys", "",
              json::value(missing_in(document, required_keys(form.schema))));
  assert_that(entry, name + ": status in its set", true,
              in_closed_set(text_at(document, "status")));
  if (form.trusted)
    assert_that(entry, name + ": checks in their set", true, checks_in_closed_set(document));
  assert_that(entry, name + ": generated now, in UTC", true,
              is_timely(document, tools.clock.now()));
}

}  // namespace

// REQ-API-6 has the same kind, and asks for a route that this release does not have.
ledger::Entry check_status_contract(const SelfCheckTools& tools) {
  ledger::Entry entry = begin_check(ledger::kind::kStatusContract, tools.clock);
  entry.requirement_ids = {"REQ-BAK-4", "REQ-OPS-1"};
  for (const char* const path : {"/health", "/readiness", "/backups/status", "/restore/status"})
    for (const Form& form : kForms) check_document(entry, tools, path, form);
  return end_check(std::move(entry), tools.clock);
}

namespace {

// A request that must be refused, and how.
struct Refused {
  std::string_view error_class;
  std::string_view code;
  int status;
  std::string method;
  std::string target;
  std::string token{};  // sent as a bearer token; empty: asked as the owner
};

std::vector<Refused> refused_requests() {
  const std::string made_up = "vgt_" + std::string(43, 'x');
  return {
      {"validation", "http_invalid_parameter", 400, "GET", "/v1/evidence?limit=none"},
      {"validation", "http_method_not_allowed", 405, "POST", "/health"},
      {"authentication", "token_invalid", 401, "GET", "/v1/evidence", made_up},
      {"not_found", "run_not_found", 404, "GET", "/v1/runs/" + std::string(32, '0')},
      {"not_found", "http_not_found", 404, "GET", "/there-is-no-such-thing"},
  };
}

// Whatever it is that went wrong.
void check_problem(ledger::Entry& entry, const std::string& name, const api::Response& response,
                   std::string_view code, int status, std::string_view correlation) {
  const json::object problem = parse_object(response.body);
  assert_that(entry, name + ": status", status, response.status);
  assert_that(entry, name + ": type", json::value(api::kProblemType),
              json::value(response.content_type));
  assert_that(entry, name + ": code", json::value(code), json::value(text_at(problem, "code")));
  assert_that(entry, name + ": missing keys", "",
              json::value(missing_in(problem, required_keys("problem.schema.json"))));
  assert_that(entry, name + ": correlation id", json::value(correlation),
              json::value(text_at(problem, "correlation_id")));
}

// Queries hang, or there are too many: it was refused for another reason than its own, which says
// nothing of the contract.
bool is_busy(const api::Response& response) {
  return response.status == 503 || response.status == 504;
}

void check_refusal(ledger::Entry& entry, const SelfCheckTools& tools, const Refused& refused) {
  const std::string name = fmt::format("{} {} {}", refused.error_class, refused.method,
                                       refused.target.substr(0, refused.target.find('?')));
  auto request = own_request(refused.method, refused.target);
  if (!request) return assert_that(entry, name, "an answer", "none");
  const std::string correlation = "self-check-" + new_run_id().str().substr(0, 16);
  request->headers.emplace_back("x-correlation-id", correlation);
  if (!refused.token.empty()) {
    as_stranger(*request, 0);
    request->headers.emplace_back("authorization", "Bearer " + refused.token);
  }
  const api::Response response = tools.ask(*std::move(request));
  if (is_busy(response))
    entry.assertions.push_back({name, refused.status, response.status, Outcome::could_not_verify});
  else
    check_problem(entry, name, response, refused.code, refused.status, correlation);
}

// Such as cannot be brought about without harm: one code of each class is put into its document.
void check_classes(ledger::Entry& entry, SystemTime now) {
  const std::string secret = "vgt_" + std::string(43, 's');
  std::set<std::string_view> seen;
  for (const ErrorInfo& info : error_table()) {
    if (!seen.insert(info.error_class).second) continue;
    const std::string correlation = new_correlation_id().str();
    const Error error(info.code, {{"reason", secret}, {"name", secret}, {"argument", secret}});
    const auto response = api::problem_response(error, {.audience = Audience::operators,
                                                        .instance = "/self-check",
                                                        .correlation_id = correlation,
                                                        .now = now});
    const std::string name = fmt::format("{} as a document", info.error_class);
    check_problem(entry, name, response, info.name, info.http_status, correlation);
    assert_that(entry, name + ": shows a secret", false,
                response.body.find(secret) != std::string::npos);
  }
}

}  // namespace

ledger::Entry check_error_contract(const SelfCheckTools& tools) {
  ledger::Entry entry = begin_check(ledger::kind::kErrorContract, tools.clock);
  for (const Refused& one : refused_requests()) check_refusal(entry, tools, one);
  check_classes(entry, tools.clock.now());
  return end_check(std::move(entry), tools.clock);
}

}  // namespace vigie::daemon
