// An Entry as the JSON object of docs/formats/evidence-1.md. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "base/result.h"
#include "ledger/entry.h"
#include "ledger/named_log.h"

namespace vigie::ledger {

// All keys but schema, seq, prev_hash and entry_hash (line.h adds them), clean of secrets.
// `log`: what the entry's run had logged by then. ledger_entry_invalid: a kind, a hash or an id of
// the wrong form; limit_exceeded: too deep.
Result<json::object> to_json(const Entry& entry, std::string id,
                             const std::optional<RunLogRef>& log = {});

}  // namespace vigie::ledger
