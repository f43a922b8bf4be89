// An Entry as the JSON object of docs/formats/evidence-1.md. Pure.
#pragma once

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "ledger/entry.h"

namespace vigie::ledger {

// All keys but schema, seq, prev_hash and entry_hash (line.h adds them), clean of secrets.
// ledger_entry_invalid: a kind, a hash or an id of the wrong form; limit_exceeded: too deep.
Result<json::object> to_json(const Entry& entry, std::string id);

}  // namespace vigie::ledger
