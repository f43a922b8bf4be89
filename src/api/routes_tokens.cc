#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

constexpr size_t kNameLimit = 100;
constexpr Duration kMostLife = std::chrono::days(3660);

json::value optional_time(const std::optional<SystemTime>& time) {
  return time ? json::value(format_rfc3339(*time)) : json::value(nullptr);
}

json::object token_json(const TokenInfo& info) {
  return {{"id", info.id},
          {"name", info.name},
          {"scope", to_string(info.scope)},
          {"created_at", format_rfc3339(info.created_at)},
          {"expires_at", optional_time(info.expires_at)},
          {"revoked_at", optional_time(info.revoked_at)}};
}

Result<Response> list_tokens(const Tokens& tokens, const Call& call) {
  TRY(only_parameters(call.request, {}));
  json::array items;
  for (const auto& info : tokens.list()) items.push_back(token_json(info));
  return json_response(json::object{{"items", std::move(items)}, {"next_cursor", nullptr}});
}

Result<std::optional<Duration>> read_life(const json::object& body) {
  TRY_ASSIGN(const auto text, body_text(body, "expires_in", 20));
  if (!text) return std::optional<Duration>();
  const auto life = parse_duration(*text);
  if (!life || *life <= Duration(0) || *life > kMostLife)
    return invalid("expires_in", "a duration such as 90d, at most ten years");
  return std::optional(*life);
}

Result<> record(const RouteHost& host, TokenChange change, const TokenInfo& info,
                const CallContext& context) {
  return host.services.record_token ? host.services.record_token(change, info, context)
                                    : Result<>();
}

// What the ledger cannot record does not come to be: the token is revoked again.
Result<Response> create_token(const RouteHost& host, const Call& call) {
  TRY_ASSIGN(const auto body,
             command_body(call.request, {"scope", "name", "expires_in", "reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(const auto scope_text, body_text(body, "scope", 20));
  TRY_ASSIGN(const auto scope, parse_scope(scope_text.value_or("")));
  TRY_ASSIGN(auto name, body_text(body, "name", kNameLimit));
  TRY_ASSIGN(const auto life, read_life(body));
  TRY_ASSIGN(auto created, host.tokens.create(scope, name.value_or(""), life));
  if (auto recorded = record(host, TokenChange::created, created.info, context); !recorded) {
    TRY(host.tokens.revoke(created.info.id));
    return fail(std::move(recorded).error());
  }
  auto document = token_json(created.info);
  document["token"] = created.token.reveal();
  return json_response(std::move(document), 201);
}

Result<Response> revoke_token(const RouteHost& host, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  const auto& id = call.arguments.at(0);
  TRY(host.tokens.revoke(id));
  for (const auto& info : host.tokens.list())
    if (info.id == id) {
      TRY(record(host, TokenChange::revoked, info, context));
      return json_response(token_json(info));
    }
  return fail(ErrorCode::token_not_found, {{"name", id}});
}

}  // namespace

void add_token_routes(Router& router, const RouteHost& host) {
  const auto add = [&](std::string method, std::string pattern, Endpoint endpoint) {
    router.add({.method = std::move(method),
                .pattern = std::move(pattern),
                .scope = Scope::admin,
                .kind = RequestClass::query,
                .endpoint = std::move(endpoint)});
  };
  add("GET", "/v1/tokens", [host](const Call& call) { return list_tokens(host.tokens, call); });
  add("POST", "/v1/tokens", [host](const Call& call) { return create_token(host, call); });
  add("DELETE", "/v1/tokens/{token}",
      [host](const Call& call) { return revoke_token(host, call); });
}

}  // namespace vigie::api
