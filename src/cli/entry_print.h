// One entry of the ledger, with its assertions as a table.
#pragma once

#include <string>

#include "cli/context.h"

namespace vigie::cli {

// Asks for the entry of that id. The exit status.
int print_entry(Context& context, const std::string& id);

}  // namespace vigie::cli
