// The command line: parses, runs one verb, gives its exit status.
#pragma once

#include "cli/context.h"

namespace vigie::cli {

int run(int argc, const char* const* argv, const Hooks& hooks);

}  // namespace vigie::cli
