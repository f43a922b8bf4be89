#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

constexpr size_t kNameLimit = 200;
constexpr size_t kDsnLimit = 4096;
constexpr size_t kMostTables = 1000;
constexpr size_t kMostJobs = 64;

Result<std::string> text_or_empty(const json::object& body, std::string_view key, size_t limit) {
  TRY_ASSIGN(auto text, body_text(body, key, limit));
  return std::move(text).value_or("");
}

Result<RestoreAsk> read_ask(const json::object& body) {
  RestoreAsk ask;
  TRY_ASSIGN(ask.backup, text_or_empty(body, "backup", kNameLimit));
  TRY_ASSIGN(ask.database, text_or_empty(body, "database", kNameLimit));
  TRY_ASSIGN(ask.dsn, text_or_empty(body, "dsn", kDsnLimit));
  TRY_ASSIGN(ask.password_file, text_or_empty(body, "password_file", kDsnLimit));
  TRY_ASSIGN(ask.identity_file, text_or_empty(body, "identity_file", kDsnLimit));
  TRY_ASSIGN(ask.jobs, body_number(body, "jobs", 2, kMostJobs));
  TRY_ASSIGN(ask.globals, body_flag(body, "globals"));
  TRY_ASSIGN(ask.no_owner, body_flag(body, "no_owner"));
  TRY_ASSIGN(ask.overwrite, text_or_empty(body, "overwrite", kNameLimit));
  TRY_ASSIGN(ask.keep_replaced, body_flag(body, "keep_replaced"));
  TRY_ASSIGN(ask.tables, body_texts(body, "tables", kMostTables, kNameLimit));
  if (ask.backup.empty()) return invalid("backup", "an id, a job, or latest");
  if (ask.database.empty() == ask.dsn.empty())
    return invalid("dsn", "dsn or database, one of them");
  return ask;
}

Result<Response> start_restore(const Services& services, const Call& call, bool plan) {
  TRY_ASSIGN(const auto body,
             command_body(call.request, {"backup", "database", "dsn", "password_file",
                                         "identity_file", "jobs", "globals", "no_owner",
                                         "overwrite", "keep_replaced", "tables", "reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(auto ask, read_ask(body));
  ask.plan = plan;
  TRY_ASSIGN(const auto run, services.start_restore(ask, context));
  return accepted_run(run);
}

}  // namespace

void add_restore_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  if (!services.start_restore) return;
  for (const bool plan : {false, true})
    router.add({.method = "POST",
                .pattern = plan ? "/v1/restores/plan" : "/v1/restores",
                .scope = Scope::admin,
                .kind = RequestClass::query,
                .endpoint = [&services, plan](const Call& call) {
                  return start_restore(services, call, plan);
                }});
}

}  // namespace vigie::api
