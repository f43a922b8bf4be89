// The tables of verbs, one file each; verbs.cc puts them together.
#pragma once

#include <vector>

#include "cli/context.h"
#include "cli/verb.h"

namespace vigie::cli {

std::vector<VerbSpec>
daemon_verbs();  // serve, check-config, doctor, migrate, version, completion, manual
std::vector<VerbSpec> status_verbs();   // status, check, schedule list, trace, run show, run cancel
std::vector<VerbSpec> backup_verbs();   // backup …
std::vector<VerbSpec> restore_verbs();  // restore …
std::vector<VerbSpec> drill_verbs();    // drill …
std::vector<VerbSpec> durability_verbs();  // durability …
std::vector<VerbSpec> amcheck_verbs();     // amcheck …
std::vector<VerbSpec> evidence_verbs();    // evidence …
std::vector<VerbSpec> matrix_verbs();      // matrix, self-check run
std::vector<VerbSpec> access_verbs();      // token …, grants

}  // namespace vigie::cli
