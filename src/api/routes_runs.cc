#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

Result<Response> show_run(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {}));
  TRY_ASSIGN(const auto id, parse_run_id(call.arguments.at(0)));
  TRY_ASSIGN(auto run, services.run(id, call.context));
  return json_response(std::move(run));
}

Result<Response> cancel_run(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto id, parse_run_id(call.arguments.at(0)));
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY(services.cancel_run(id, context));
  return accepted_run(id);
}

Result<Response> show_schedule(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {"next"}));
  TRY_ASSIGN(const size_t next, limit_parameter(call.request, "next", 10, 100));
  TRY_ASSIGN(auto schedule, services.schedule(next, call.context));
  return json_response(schedule);
}

Result<Response> reload(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY(services.reload(context));
  return json_response(json::object{{"reloaded", true}});
}

}  // namespace

void add_run_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  const auto add = [&](const char* method, const char* pattern, Scope scope, auto endpoint) {
    router.add(
        {.method = method,
         .pattern = pattern,
         .scope = scope,
         .kind = RequestClass::query,
         .endpoint = [&services, endpoint](const Call& call) { return endpoint(services, call); }});
  };
  if (services.run) add("GET", "/v1/runs/{run}", Scope::read, show_run);
  if (services.cancel_run) add("DELETE", "/v1/runs/{run}", Scope::operate, cancel_run);
  if (services.schedule) add("GET", "/v1/schedule", Scope::read, show_schedule);
  if (services.reload) add("POST", "/v1/reload", Scope::admin, reload);
}

}  // namespace vigie::api
