// What must be true before a dump is worth starting, each finding with its code and the command
// that mends it. Runs before the window (so that somebody can still mend it) and again in it, and
// for `vigie doctor`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backup/source.h"
#include "backup/source_session.h"
#include "base/error.h"
#include "platform/postgres_clients.h"
#include "platform/process.h"

namespace vigie::backup {

struct Finding {
  Error error;
  bool blocks = true;  // false: a warning; the backup is worth having all the same
};

struct SpaceNeed {
  std::string store;
  Bytes total;
  Bytes available;
  Bytes reserve;
  Bytes estimate;  // of the artefact; 0: unknown
};

struct PreflightInput {
  std::string database;  // the name in vigie.yaml
  platform::Path bindir;
  uint64_t large_objects_limit = 100'000;
};

// Findings about what the server said; pure.
std::vector<Finding> judge_source(const SourceFacts& facts, const PreflightInput& input);
// The server said `theirs` between our `before` and `after`: a warning when that cannot be so by
// more than 2 s. Pure.
std::optional<Finding> judge_clock(const std::string& database, SystemTime before,
                                   SystemTime theirs, SystemTime after);
// Findings about space; pure.
std::vector<Finding> judge_space(const SpaceNeed& need);
// The clients of the server's own major, asked for their version; nothing when they are good.
std::optional<Finding> judge_clients(platform::FileSystem& files, platform::ProcessRunner& runner,
                                     int major, const platform::Path& bindir,
                                     const CallLimits& limits);

// The first that blocks.
const Finding* blocking(const std::vector<Finding>& findings);

// "13 to 17": outside it a server works with a warning.
inline constexpr int kOldestTestedMajor = 13;
inline constexpr int kNewestTestedMajor = 17;

}  // namespace vigie::backup
