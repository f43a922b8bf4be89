#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

constexpr size_t kNameLimit = 200;
constexpr size_t kNewestMajor = 99;

Result<Response> start_drill(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"backup", "into", "reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  DrillAsk ask;
  ask.drill = call.arguments.at(0);
  TRY_ASSIGN(const auto backup, body_text(body, "backup", kNameLimit));
  ask.backup = backup.value_or("");
  if (!ask.backup.empty() && !BackupId::parse(ask.backup))
    return invalid("backup", "the id of a backup");
  TRY_ASSIGN(ask.into_major, body_number(body, "into", 0, kNewestMajor));
  TRY_ASSIGN(const auto run, services.start_drill(ask, context));
  return accepted_run(run);
}

Result<Response> start_durability(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"interrupt", "reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(const auto interrupt, body_text(body, "interrupt", kNameLimit));
  TRY_ASSIGN(const auto run,
             services.start_durability(call.arguments.at(0), interrupt.value_or(""), context));
  return accepted_run(run);
}

Result<Response> start_amcheck(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(const auto run, services.start_amcheck(call.arguments.at(0), context));
  return accepted_run(run);
}

}  // namespace

void add_drill_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  if (!services.start_drill || !services.start_durability) return;
  router.add(
      {.method = "POST",
       .pattern = "/v1/durability/{proof}/runs",
       .scope = Scope::admin,
       .kind = RequestClass::query,
       .endpoint = [&services](const Call& call) { return start_durability(services, call); }});
  if (services.start_amcheck)
    router.add(
        {.method = "POST",
         .pattern = "/v1/amcheck/{check}/runs",
         .scope = Scope::operate,
         .kind = RequestClass::query,
         .endpoint = [&services](const Call& call) { return start_amcheck(services, call); }});
  router.add({.method = "POST",
              .pattern = "/v1/drills/{drill}/runs",
              .scope = Scope::operate,
              .kind = RequestClass::query,
              .endpoint = [&services](const Call& call) { return start_drill(services, call); }});
}

}  // namespace vigie::api
