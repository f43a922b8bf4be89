// One entry of the ledger, with its assertions as a table.
#pragma once

#include <string>

#include "base/json.h"
#include "cli/context.h"

namespace vigie::cli {

// Errors: evidence_not_found, those of asking.
Result<json::object> read_entry(Context& context, const std::string& id);
void print_entry(Context& context, const json::object& entry);
// Both. The exit status.
int show_entry(Context& context, const std::string& id);

}  // namespace vigie::cli
