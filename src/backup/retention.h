// Which artefacts of one job and one database are kept: a pure function of the good ones that there
// are, never of the present time, so that a job that stopped long ago loses nothing.
//
// Kept are: the newest `keep_last`; the newest of each of the last N hours, days, ISO weeks, months
// and years, in the job's zone, that have one; the newest `min_good`, whatever the rest says; and
// what is held. Adding a newer artefact never brings back one that had expired, and applying a plan
// and planning again expires nothing more.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backup/options.h"
#include "base/time.h"
#include "platform/time_zone.h"

namespace vigie::backup {

struct RetentionCandidate {
  std::string id;
  SystemTime started_at;
  std::vector<std::string> holds;  // why it is held ("pinned: before the migration"); empty: free
};

struct RetentionDecision {
  std::string id;
  bool keep = true;
  std::vector<std::string> reasons;  // never empty: "newest of the day 2026-11-20", "held: …"
};

// In order of age, newest first. The candidates are good (verified) artefacts of one job and one
// database, in any order, with distinct ids.
std::vector<RetentionDecision> plan_retention(std::span<const RetentionCandidate> candidates,
                                              const RetentionOptions& options,
                                              const platform::TimeZone& zone);

// The same plan while nothing may expire: what would have expired is kept with `reason`.
std::vector<RetentionDecision> freeze(std::vector<RetentionDecision> plan, std::string_view reason);

// "last 3, 7 daily, 5 weekly, 12 monthly, at least 3"
std::string in_words(const RetentionOptions& options);

}  // namespace vigie::backup
