// What somebody else has found, as the body of POST /v1/evidence.
#pragma once

#include "api/router.h"
#include "api/services.h"

namespace vigie::api {

// Bounds: 50 requirements, 100 measures, 50 artefacts. Errors: http_invalid_parameter.
Result<EvidenceReport> parse_evidence_report(const json::object& body);

}  // namespace vigie::api
