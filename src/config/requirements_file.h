// The file that `requirements: file:` names.
#pragma once

#include "config/config.h"

namespace vigie::config {

// Reads it into the configuration, and holds waivers and gate against it; nothing to do when none
// is named. Its mistakes stand at the key that names it, with their own line and column.
void read_requirements_file(platform::FileSystem& files, Config& config, Problems& problems);

}  // namespace vigie::config
