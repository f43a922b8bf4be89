// A restore from a folder or a bucket that artefacts lie in, on a machine that has no configuration
// and no state of Vigie's: after the host is lost.
#pragma once

#include "cli/context.h"

namespace vigie::cli {

enum class FromWhat : unsigned char { restore, plan };

// `restore run --from …`, `restore plan --from …`: the exit status.
int restore_from(Context& context, FromWhat what);

}  // namespace vigie::cli
