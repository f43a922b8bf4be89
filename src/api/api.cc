#include "api/api.h"

#include <array>
#include <atomic>
#include <mutex>

#include "api/attempt_limit.h"
#include "api/correlation.h"
#include "api/problem.h"
#include "api/router.h"
#include "api/routes.h"
#include "base/encoding.h"
#include "base/hash.h"

namespace vigie::api {
namespace {

constexpr int kMostStatus = 600;
constexpr size_t kMostKey = 128;  // bytes of an Idempotency-Key

// One request on its way through the routes.
struct Exchange {
  Request request;
  Respond respond;
  std::optional<Principal> principal;
  Router::Match match;
  std::atomic<bool> answered{false};
};
using ExchangePtr = std::shared_ptr<Exchange>;

bool is_operators(const std::vector<std::string>& path) {
  return !path.empty() && path.front() == "v1";
}

std::string request_hash(const Request& request) {
  return sha256_hex(request.method + "\n" + request.target + "\n" + request.body);
}

bool has_header(const Request& request, std::string_view name) {
  return std::ranges::any_of(request.headers,
                             [&](const auto& field) { return field.first == name; });
}

// A key that comes twice is refused like any other that is none: without it the command would run
// again when it is sent again.
Result<std::optional<std::string>> idempotency_key(const Request& request) {
  if (!has_header(request, "idempotency-key")) return std::optional<std::string>();
  const auto key = request.header("idempotency-key").value_or("");
  const bool plain = std::ranges::all_of(key, [](char c) { return c > 0x20 && c < 0x7f; });
  if (key.empty() || key.size() > kMostKey || !plain)
    return fail(
        ErrorCode::http_invalid_parameter,
        {{"argument", "Idempotency-Key"}, {"expected", "once, 1 to 128 printable characters"}});
  return std::optional(std::string(key));
}

void add_common_headers(Response& response, const Correlation& correlation) {
  response.headers.emplace_back("X-Correlation-Id", correlation.correlation_id.str());
  response.headers.emplace_back("X-Request-Id", correlation.request_id);
  response.headers.emplace_back("Cache-Control", "no-store");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
}

class Routes final : public Api {
 public:
  Routes(ApiOptions options, Services services, Tokens& tokens, const platform::Clock& clock,
         LogFn log)
      : options_(std::move(options)),
        services_(std::move(services)),
        tokens_(tokens),
        clock_(clock),
        log_(std::move(log)),
        attempts_(clock, {}),
        pool_(clock, {.threads = options_.pool_threads,
                      .queue = options_.pool_queue,
                      .spares = options_.pool_spares,
                      .allowance = options_.query_deadline}) {
    add_routes();
  }

  Handler handler() override {
    return [this](Request request, Respond respond) {
      handle(std::move(request), std::move(respond));
    };
  }
  RefusalFn refusal() override {
    return [this](const Error& error, const Peer& peer, const Correlation& correlation) {
      return refuse(error, peer, correlation);
    };
  }
  void set_stats(std::function<ServerStats()> stats) override {
    const std::lock_guard lock(mutex_);
    stats_ = std::move(stats);
  }
  PoolFigures pool_figures() const override { return pool_.figures(); }
  bool stop() override { return pool_.stop(); }

 private:
  void add_routes();
  void handle(Request request, Respond respond);
  Response refuse(const Error& error, const Peer& peer, const Correlation& correlation);

  Result<std::optional<Principal>> authenticate(const Request& request);
  Result<Principal> check_token(const Request& request, std::string_view token);
  Result<> authorise(const Exchange& exchange) const;
  Result<> admit(Exchange& exchange);

  Result<CallContext> make_context(const Exchange& exchange) const;
  Result<Response> call(const Exchange& exchange, MonoTime deadline, std::stop_token stop) const;
  void submit(const ExchangePtr& exchange);
  Error refusal_of(QueryPool::Answer answer) const;
  void finish(const ExchangePtr& exchange, Result<Response> result);
  Response problem(const Exchange& exchange, const Error& error) const;
  void record(const AccessEntry& entry);
  status::HttpFigures figures() const;

  ApiOptions options_;
  Services services_;
  Tokens& tokens_;
  const platform::Clock& clock_;
  LogFn log_;
  Router router_;
  AttemptLimit attempts_;
  std::array<std::atomic<uint64_t>, kMostStatus> answers_{};  // by status
  mutable std::mutex mutex_;
  std::function<ServerStats()> stats_;  // guarded by mutex_
  QueryPool pool_;                      // last: its threads use all that stands above
};

void Routes::add_routes() {
  const RouteHost host{options_, services_, tokens_, [this] { return figures(); }};
  add_status_routes(router_, host);
  add_document_routes(router_);
  add_backup_routes(router_, host);
  add_restore_routes(router_, host);
  add_drill_routes(router_, host);
  add_run_routes(router_, host);
  add_evidence_routes(router_, host);
  add_matrix_routes(router_, host);
  add_token_routes(router_, host);
}

void Routes::handle(Request request, Respond respond) {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = std::move(request);
  exchange->respond = std::move(respond);
  exchange->match = router_.find(exchange->request.method, exchange->request.path);
  if (auto admitted = admit(*exchange); !admitted)
    return finish(exchange, fail(std::move(admitted).error()));
  if (exchange->match.route == nullptr) {
    Response options{.status = 204, .content_type = {}, .headers = {}, .body = {}};
    return finish(exchange, std::move(options));
  }
  if (exchange->match.route->kind == RequestClass::query) return submit(exchange);
  finish(exchange, call(*exchange, MonoTime::max(), {}));
}

// Permission before existence: below /v1 whoever has no token learns nothing of what is there.
Result<> Routes::admit(Exchange& exchange) {
  const auto& request = exchange.request;
  TRY_ASSIGN(exchange.principal, authenticate(request));
  TRY(authorise(exchange));
  if (exchange.match.route != nullptr) return {};
  const bool asks_options = request.method == "OPTIONS";
  if (asks_options && (!exchange.match.allow.empty() || request.target == "*")) return {};
  if (exchange.match.allow.empty()) return fail(ErrorCode::http_not_found);
  return fail(ErrorCode::http_method_not_allowed, {{"method", request.method}});
}

Result<> Routes::authorise(const Exchange& exchange) const {
  std::optional<Scope> needed;
  if (exchange.match.route != nullptr)
    needed = exchange.match.route->scope;
  else if (is_operators(exchange.request.path))
    needed = Scope::read;
  if (!needed) return {};
  if (!exchange.principal) return fail(ErrorCode::token_missing);
  if (exchange.principal->scope < *needed)
    return fail(ErrorCode::token_scope, {{"scope", std::string(to_string(*needed))}});
  return {};
}

Result<std::optional<Principal>> Routes::authenticate(const Request& request) {
  constexpr std::string_view kScheme = "bearer ";
  if (has_header(request, "authorization")) {
    const auto value = request.header("authorization").value_or("");
    std::string scheme(value.substr(0, kScheme.size()));
    std::ranges::transform(scheme, scheme.begin(), [](unsigned char c) { return std::tolower(c); });
    TRY_ASSIGN(auto principal,
               check_token(request, scheme == kScheme ? value.substr(kScheme.size()) : ""));
    return std::optional(std::move(principal));
  }
  const auto& peer = request.peer;
  if (peer.trusted && (peer.uid == 0 || peer.uid == options_.owner_uid))
    return std::optional(Principal{"socket:uid=" + std::to_string(peer.uid), Scope::admin});
  return std::optional<Principal>();
}

Result<Principal> Routes::check_token(const Request& request, std::string_view token) {
  const auto key = request.peer.unix_socket ? "uid=" + std::to_string(request.peer.uid)
                                            : attempt_key(request.peer.address);
  auto info = tokens_.check(token);
  if (info) return Principal{"token:" + info->id, info->scope};
  TRY(attempts_.admit(key));
  attempts_.failed(key);
  return fail(std::move(info).error());
}

Result<CallContext> Routes::make_context(const Exchange& exchange) const {
  CallContext context;
  if (exchange.principal) {
    context.actor = exchange.principal->actor;
    context.scope = exchange.principal->scope;
  }
  context.correlation_id = exchange.request.correlation.correlation_id;
  context.request_id = exchange.request.correlation.request_id;
  TRY_ASSIGN(context.idempotency_key, idempotency_key(exchange.request));
  if (context.idempotency_key) context.request_hash = request_hash(exchange.request);
  return context;
}

Result<Response> Routes::call(const Exchange& exchange, MonoTime deadline,
                              std::stop_token stop) const {
  TRY_ASSIGN(auto context, make_context(exchange));
  context.deadline = deadline;
  context.stop = std::move(stop);
  const Call one{exchange.request, exchange.match.arguments, exchange.principal, clock_.now(),
                 context};
  // A defect in one answer, or no memory for it, must not end the backup that runs beside it.
  try {
    return exchange.match.route->endpoint(one);
  } catch (...) {
    // Its text could hold anything.
    return fail(ErrorCode::internal_error,
                {{"reason", "an exception left the making of this answer"}});
  }
}

void Routes::submit(const ExchangePtr& exchange) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.query_deadline);
  const auto answer =
      pool_.submit({.kind = exchange->match.route->method + " " + exchange->match.route->pattern,
                    .run =
                        [this, exchange](MonoTime deadline, std::stop_token stop) {
                          finish(exchange, call(*exchange, deadline, std::move(stop)));
                        },
                    .expired =
                        [this, exchange, seconds] {
                          finish(exchange, fail(ErrorCode::query_deadline,
                                                {{"seconds", std::to_string(seconds.count())}}));
                        }});
  if (answer != QueryPool::Answer::taken) finish(exchange, fail(refusal_of(answer)));
}

// At once: a client that waited would only wait for its own deadline.
Error Routes::refusal_of(QueryPool::Answer answer) const {
  if (answer == QueryPool::Answer::full)
    return Error(ErrorCode::http_overloaded, {{"limit", std::to_string(options_.pool_queue)}});
  return Error(ErrorCode::queries_hang, {{"observed", std::to_string(pool_.figures().hung)}});
}

Response Routes::problem(const Exchange& exchange, const Error& error) const {
  const bool admin = exchange.principal && exchange.principal->scope == Scope::admin;
  const auto& target = exchange.request.target;
  auto response =
      problem_response(error, {.audience = admin ? Audience::operators : Audience::everybody,
                               .instance = std::string_view(target).substr(0, target.find('?')),
                               .correlation_id = exchange.request.correlation.correlation_id.str(),
                               .now = clock_.now()});
  if (error.code() == ErrorCode::http_method_not_allowed)
    response.headers.emplace_back("Allow", exchange.match.allow);
  return response;
}

void Routes::finish(const ExchangePtr& exchange, Result<Response> result) {
  if (exchange->answered.exchange(true)) return;
  const auto& request = exchange->request;
  const std::string error_code(result ? "" : result.error().info().name);
  Response response = result ? *std::move(result) : problem(*exchange, result.error());
  if (response.status == 204 && exchange->match.route == nullptr)
    response.headers.emplace_back("Allow", request.target == "*"
                                               ? "GET, HEAD, POST, PUT, DELETE, OPTIONS"
                                               : exchange->match.allow);
  add_common_headers(response, request.correlation);
  record({.method = request.method,
          .route = exchange->match.route ? exchange->match.route->pattern : "-",
          .status = response.status,
          .correlation_id = request.correlation.correlation_id.str(),
          .request_id = request.correlation.request_id,
          .actor_role =
              std::string(exchange->principal ? to_string(exchange->principal->scope) : "none"),
          .error_code = error_code,
          .peer = request.peer.unix_socket ? "unix" : request.peer.address,
          .duration = std::chrono::duration_cast<Duration>(clock_.monotonic() - request.arrived),
          .bytes = response.body.size()});
  exchange->respond(std::move(response));
}

Response Routes::refuse(const Error& error, const Peer& peer, const Correlation& correlation) {
  const auto& correlation_id = correlation.correlation_id;
  auto response = problem_response(error, {.audience = Audience::everybody,
                                           .instance = "",
                                           .correlation_id = correlation_id.str(),
                                           .now = clock_.now()});
  add_common_headers(response, correlation);
  record({.method = "-",
          .route = "-",
          .status = response.status,
          .correlation_id = correlation_id.str(),
          .request_id = correlation.request_id,
          .actor_role = "none",
          .error_code = std::string(error.info().name),
          .peer = peer.unix_socket ? "unix" : peer.address,
          .duration = {},
          .bytes = response.body.size()});
  return response;
}

void Routes::record(const AccessEntry& entry) {
  if (entry.status > 0 && entry.status < kMostStatus)
    answers_[size_t(entry.status)].fetch_add(1, std::memory_order_relaxed);
  if (log_) log_(entry);
}

status::HttpFigures Routes::figures() const {
  status::HttpFigures figures;
  {
    const std::lock_guard lock(mutex_);
    if (stats_) {
      const auto stats = stats_();
      figures.connections_open = stats.open;
      figures.connections_accepted = stats.accepted;
      figures.connections_refused = stats.over_cap;
      figures.requests_malformed = stats.refused;
      figures.requests_timed_out = stats.timed_out;
    }
  }
  for (int status = 100; status < kMostStatus; ++status)
    if (const auto count = answers_[size_t(status)].load(std::memory_order_relaxed); count > 0)
      figures.by_code.push_back({status, count});
  return figures;
}

}  // namespace

std::unique_ptr<Api> Api::make(ApiOptions options, Services services, Tokens& tokens,
                               const platform::Clock& clock, LogFn log) {
  return std::make_unique<Routes>(std::move(options), std::move(services), tokens, clock,
                                  std::move(log));
}

}  // namespace vigie::api
