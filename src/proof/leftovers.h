// What proofs have left that came to no verdict: their tables on the server, their logs here.
#pragma once

#include <set>
#include <string>

#include "platform/file_system.h"
#include "platform/postgres.h"

namespace vigie::proof {

// "run_" and the first 12 digits of the run.
std::string proof_table(std::string_view run);
// <folder>/<run>.log: docs/formats/witness-1.md.
platform::Path proof_log(const platform::Path& folder, std::string_view run);

// Durable when it returns: from now on the log is of rows that were found wrong, and nobody removes
// it, nor their table.
Result<> keep_log(platform::FileSystem& files, const platform::Path& folder, std::string_view run);

// Drops the tables of runs whose logs lie in `folder`, and then removes these logs: at most 100.
// Not those of `needed` runs, nor of rows that were found wrong. A log whose table is not on this
// server may be another server's: it goes after a month. `session`: with vigie_witness. No proof is
// at work meanwhile. Errors: file_*, those of PgConnection.
Result<> remove_leftovers(platform::PgConnection& session, platform::FileSystem& files,
                          const platform::Path& folder, const std::set<std::string>& needed,
                          SystemTime now, const CallLimits& limits);

}  // namespace vigie::proof
