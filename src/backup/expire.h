// Which artefacts of a job go, and why the others stay. Deciding is retention.h's; this adds the
// catalogue's facts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup/catalogue.h"
#include "backup/options.h"
#include "backup/retention.h"
#include "base/time.h"
#include "platform/time_zone.h"

namespace vigie::backup {

struct PruneDecision {
  BackupId id;
  bool keep = true;
  std::vector<std::string> reasons;
  std::optional<Bytes> stored;  // nothing: its manifest could not be read
};

struct PrunePlan {
  std::string job;
  std::string database;
  std::vector<PruneDecision> decisions;  // newest first
  std::vector<BackupId> expired() const;
};

// Can it be reached at all: its store is configured, and its removal has not begun.
using ReachFn = std::function<bool(const ArtefactView&)>;

// For one job and database. What cannot be reached counts for nothing. An artefact that failed its
// verification, or that nobody has verified, counts for nothing: the former stays, for whoever
// wants to look, until it is older than every good one that is kept; the latter stays. `now`
// decides nothing but whether the clock is to be trusted: while a good artefact is dated later,
// nothing expires. It would be the newest for as long as it lies there, and each new one would
// expire in its stead.
PrunePlan plan_prune(const Catalogue& catalogue, const BackupJobOptions& job,
                     const std::string& database, const platform::TimeZone& zone, SystemTime now,
                     const ReachFn& in_reach);

}  // namespace vigie::backup
