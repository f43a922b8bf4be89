// The matrix of requirements as JSON: docs/formats/matrix-1.schema.json. Pure.
#pragma once

#include <span>

#include "base/json.h"
#include "ledger/view.h"

namespace vigie::api {

inline constexpr size_t kMostParts = 100;  // of one requirement that are listed, the worst first

json::object matrix_document(std::span<const ledger::MatrixRow> rows, SystemTime now);

}  // namespace vigie::api
