#include <charconv>

#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

constexpr size_t kDefaultLimit = 100;
constexpr size_t kMostLimit = 500;

Result<std::optional<uint64_t>> number_parameter(const Request& request, const char* name,
                                                 const char* expected) {
  TRY_ASSIGN(const auto text, text_parameter(request, name));
  if (!text) return std::optional<uint64_t>();
  uint64_t seq = 0;
  const char* end = text->data() + text->size();
  const auto [stop, failure] = std::from_chars(text->data(), end, seq);
  if (failure != std::errc() || stop != end) return invalid(name, expected);
  return std::optional(seq);
}

Result<EvidenceQuery> read_query(const Request& request) {
  TRY(only_parameters(request,
                      {"kind", "correlation_id", "backup", "id", "from", "to", "cursor", "limit"}));
  EvidenceQuery query;
  TRY_ASSIGN(query.kind, text_parameter(request, "kind"));
  TRY_ASSIGN(query.correlation_id, text_parameter(request, "correlation_id"));
  TRY_ASSIGN(query.backup, text_parameter(request, "backup"));
  TRY_ASSIGN(query.id, text_parameter(request, "id"));
  TRY_ASSIGN(query.from, time_parameter(request, "from"));
  TRY_ASSIGN(query.to, time_parameter(request, "to"));
  TRY_ASSIGN(query.after_seq, number_parameter(request, "cursor", "what next_cursor said"));
  TRY_ASSIGN(query.limit, limit_parameter(request, "limit", kDefaultLimit, kMostLimit));
  if (query.correlation_id && !is_correlation_id(*query.correlation_id))
    return invalid("correlation_id", "[A-Za-z0-9._-]{1,48}");
  return query;
}

Result<Response> list_evidence(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto query, read_query(call.request));
  TRY_ASSIGN(auto page, services.evidence(query, call.context));
  json::object document;
  document["items"] = std::move(page.entries);
  document["next_cursor"] = page.next_after_seq ? json::value(std::to_string(*page.next_after_seq))
                                                : json::value(nullptr);
  return json_response(std::move(document));
}

Result<Response> acknowledge_damage(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  if (context.reason.empty()) return invalid("reason", "the words of whoever asks");
  TRY(services.acknowledge_ledger(context));
  return json_response(json::object{{"acknowledged", true}});
}

Result<Response> rotate_key(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  if (context.reason.empty()) return invalid("reason", "the words of whoever asks");
  TRY_ASSIGN(auto change, services.rotate_key(context));
  return json_response(change);
}

Result<Response> show_checkpoint(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {"up_to"}));
  TRY_ASSIGN(const auto seq, number_parameter(call.request, "up_to", "the seq of an entry"));
  TRY_ASSIGN(auto found, services.checkpoint(seq.value_or(UINT64_MAX), call.context));
  return json_response(found);
}

Result<Response> make_checkpoint(const Services& services, const Call& call) {
  TRY(command_body(call.request, {}));
  TRY_ASSIGN(auto made, services.make_checkpoint(call.context));
  return json_response(made);
}

Result<Response> show_trace(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {}));
  const auto& id = call.arguments.at(0);
  if (!is_correlation_id(id)) return invalid("id", "[A-Za-z0-9._-]{1,48}");
  TRY_ASSIGN(auto trace, services.trace(CorrelationId(id), call.context));
  return json_response(trace);
}

}  // namespace

void add_evidence_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  const auto add = [&](const char* pattern, auto endpoint) {
    router.add(
        {.method = "GET",
         .pattern = pattern,
         .scope = Scope::read,
         .kind = RequestClass::query,
         .endpoint = [&services, endpoint](const Call& call) { return endpoint(services, call); }});
  };
  if (services.evidence) add("/v1/evidence", list_evidence);
  if (services.acknowledge_ledger) {
    router.add(
        {.method = "POST",
         .pattern = "/v1/evidence/acknowledgement",
         .scope = Scope::admin,
         .kind = RequestClass::query,
         .endpoint = [&services](const Call& call) { return acknowledge_damage(services, call); }});
  }
  if (services.checkpoint) add("/v1/evidence/checkpoint", show_checkpoint);
  if (services.make_checkpoint) {
    router.add(
        {.method = "POST",
         .pattern = "/v1/evidence/checkpoint",
         .scope = Scope::operate,
         .kind = RequestClass::query,
         .endpoint = [&services](const Call& call) { return make_checkpoint(services, call); }});
  }
  if (services.rotate_key) {
    router.add({.method = "POST",
                .pattern = "/v1/evidence/key",
                .scope = Scope::admin,
                .kind = RequestClass::query,
                .endpoint = [&services](const Call& call) { return rotate_key(services, call); }});
  }
  if (services.trace) add("/v1/trace/{id}", show_trace);
}

}  // namespace vigie::api
