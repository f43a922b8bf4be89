// The routes, by noun. Each function adds its own to the router; what is given outlives it.
#pragma once

#include "api/api.h"
#include "api/router.h"
#include "api/services.h"
#include "api/tokens.h"
#include "status/metrics.h"

namespace vigie::api {

struct RouteHost {
  const ApiOptions& options;
  const Services& services;
  Tokens& tokens;
  std::function<status::HttpFigures()> figures;
};

void add_status_routes(Router& router, const RouteHost& host);   // the four, and /metrics
void add_document_routes(Router& router);                        // /openapi.yaml, the schemas
void add_backup_routes(Router& router, const RouteHost& host);   // /v1/backups…, /v1/retention…
void add_restore_routes(Router& router, const RouteHost& host);  // /v1/restores
void add_drill_routes(Router& router, const RouteHost& host);    // /v1/drills
void add_run_routes(Router& router, const RouteHost& host);      // /v1/runs…, schedule, reload
void add_evidence_routes(Router& router, const RouteHost& host);  // /v1/evidence, /v1/trace
// /v1/matrix, POST /v1/evidence, /v1/self-check/runs
void add_matrix_routes(Router& router, const RouteHost& host);
void add_token_routes(Router& router, const RouteHost& host);  // /v1/tokens

}  // namespace vigie::api
