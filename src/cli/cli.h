// The command line: parses, runs one verb, gives its exit status.
#pragma once

#include "cli/context.h"

namespace vigie::cli {

// Whether `vigie serve` is asked for, which handles signals itself.
bool asks_to_serve(int argc, const char* const* argv);
int run(int argc, const char* const* argv, const Hooks& hooks);

}  // namespace vigie::cli
