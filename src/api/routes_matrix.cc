#include "api/evidence_report.h"
#include "api/matrix_json.h"
#include "api/route_support.h"
#include "api/routes.h"

namespace vigie::api {
namespace {

constexpr size_t kSummaryLimit = 500;

// Of the views alone, like status: it waits for nothing, however long the ledger is.
Result<Response> show_matrix(const Services& services, const Call& call) {
  TRY(only_parameters(call.request, {}));
  const auto views = services.views();
  if (!views.requirements || !views.ledger || !views.ledger->newest)
    return fail(ErrorCode::internal_error, {{"reason", "the evidence is not known yet"}});
  const auto rows = ledger::matrix(*views.requirements, *views.ledger->newest, call.now);
  return json_response(matrix_document(rows, call.now));
}

Result<Response> record_evidence(const Services& services, const Call& call) {
  TRY_ASSIGN(auto body,
             command_body(call.request, {"kind", "requirement_ids", "result", "summary", "measures",
                                         "artefacts", "started_at", "ended_at", "ref"}));
  TRY_ASSIGN(auto context, with_reason(call, body));
  TRY_ASSIGN(auto summary, body_text(body, "summary", kSummaryLimit));
  context.reason = std::move(summary).value_or("");
  if (context.reason.empty()) return invalid("summary", "what was found, in a sentence");
  TRY_ASSIGN(const auto report, parse_evidence_report(body));
  TRY_ASSIGN(const auto recorded, services.record_evidence(report, context));
  return json_response(recorded, 201);
}

Result<Response> start_self_check(const Services& services, const Call& call) {
  TRY_ASSIGN(const auto body, command_body(call.request, {"reason", "ref"}));
  TRY_ASSIGN(const auto context, with_reason(call, body));
  TRY_ASSIGN(const auto run, services.start_self_check(context));
  return accepted_run(run);
}

}  // namespace

void add_matrix_routes(Router& router, const RouteHost& host) {
  const auto& services = host.services;
  router.add({.method = "GET",
              .pattern = "/v1/matrix",
              .scope = Scope::read,
              .kind = RequestClass::view,
              .endpoint = [&services](const Call& call) { return show_matrix(services, call); }});
  const auto add_command = [&](const char* pattern, auto endpoint) {
    router.add(
        {.method = "POST",
         .pattern = pattern,
         .scope = Scope::operate,
         .kind = RequestClass::query,
         .endpoint = [&services, endpoint](const Call& call) { return endpoint(services, call); }});
  };
  if (services.record_evidence) add_command("/v1/evidence", record_evidence);
  if (services.start_self_check) add_command("/v1/self-check/runs", start_self_check);
}

}  // namespace vigie::api
