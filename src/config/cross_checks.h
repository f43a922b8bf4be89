// What only the whole configuration can tell: names that nothing defines, targets that the schedule
// cannot meet, two that would get in each other's way.
#pragma once

#include "base/problems.h"
#include "config/config.h"

namespace vigie::config {

// Replaces "all" by the databases that there are.
void resolve_databases(Config& config);
// Gives each job without an rpo_target of its own one that its schedule can meet.
void resolve_targets(Config& config);
void cross_check(const Config& config, Problems& problems);

}  // namespace vigie::config
