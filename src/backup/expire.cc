#include "backup/expire.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace vigie::backup {
namespace {

std::vector<std::string> hold_words(const ArtefactView& artefact) {
  std::vector<std::string> words;
  for (const Hold& hold : artefact.holds)
    words.push_back(fmt::format("{}: {}", hold.kind, hold.reason));
  return words;
}

std::vector<RetentionDecision> decide_good(const std::vector<ArtefactView>& artefacts,
                                           const BackupJobOptions& job,
                                           const platform::TimeZone& zone,
                                           const ReachFn& in_reach) {
  std::vector<RetentionCandidate> candidates;
  for (const ArtefactView& one : artefacts) {
    if (counts_as_good(one, job) && in_reach(one))
      candidates.push_back({one.id.str(), one.id.started_at, hold_words(one)});
  }
  return plan_retention(candidates, job.retention, zone);
}

// Why nothing may expire now; empty: nothing speaks against it.
std::string reason_to_wait(const std::vector<ArtefactView>& artefacts,
                           const std::optional<PlausibilityAlarm>& alarm,
                           const BackupJobOptions& job, SystemTime now) {
  if (alarm) return fmt::format("{} waits to be acknowledged", alarm->backup.str());
  const auto ahead = std::ranges::find_if(artefacts, [&](const ArtefactView& one) {
    return counts_as_good(one, job) && one.is_of_the_future(now);
  });
  if (ahead == artefacts.end()) return {};
  return fmt::format("{} is dated in the future: a clock was wrong then, or is now",
                     ahead->id.str());
}

SystemTime oldest_kept(const std::vector<ArtefactView>& artefacts,
                       const std::map<std::string, RetentionDecision>& decided) {
  for (const ArtefactView& one : artefacts) {  // oldest first
    const auto found = decided.find(one.id.str());
    if (found != decided.end() && found->second.keep) return one.id.started_at;
  }
  return SystemTime::min();
}

PruneDecision decide_uncounted(const ArtefactView& artefact, SystemTime oldest_good, bool frozen,
                               bool in_reach) {
  PruneDecision decision{artefact.id, true, hold_words(artefact), artefact.known_stored()};
  if (!decision.reasons.empty()) return decision;
  if (!in_reach) {
    decision.reasons.emplace_back(
        "its store is not configured, or its removal has begun: it counts for nothing, and stays");
    return decision;
  }
  if (artefact.verdict() != Verdict::failed) {
    decision.reasons.emplace_back(
        artefact.unreadable()
            ? "could not be read when it was last verified: it counts for nothing, and stays"
            : "nobody has verified it: it counts for nothing, and stays");
    return decision;
  }
  // Not one byte of it is bad, and whoever put something beside it left a trace.
  if (artefact.last_verification->error_code == error_info(ErrorCode::artefact_extra_file).name) {
    decision.reasons.emplace_back(
        "holds a file that is not its own: it counts for nothing, and stays");
    return decision;
  }
  decision.keep =
      frozen || artefact.id.started_at > oldest_good || oldest_good == SystemTime::min();
  decision.reasons.emplace_back(
      decision.keep ? "failed its verification; kept to be looked at"
                    : "failed its verification, and older than every good one that is kept");
  return decision;
}

}  // namespace

std::vector<BackupId> PrunePlan::expired() const {
  std::vector<BackupId> ids;
  for (const PruneDecision& one : decisions) {
    if (!one.keep) ids.push_back(one.id);
  }
  return ids;
}

PrunePlan plan_prune(const Catalogue& catalogue, const BackupJobOptions& job,
                     const std::string& database, const platform::TimeZone& zone, SystemTime now,
                     const ReachFn& in_reach) {
  const auto artefacts = catalogue.of(job.name, database);
  auto good = decide_good(artefacts, job, zone, in_reach);
  const std::string waits =
      reason_to_wait(artefacts, catalogue.alarm(job.name, database), job, now);
  if (!waits.empty()) good = freeze(std::move(good), waits);
  std::map<std::string, RetentionDecision> decided;
  for (RetentionDecision& one : good) decided.emplace(one.id, std::move(one));
  const SystemTime oldest = oldest_kept(artefacts, decided);
  // While there are too few good ones, even a damaged one may be the best that there is of its day.
  const bool frozen =
      !waits.empty() || decided.size() < static_cast<size_t>(job.retention.min_good);

  PrunePlan plan{job.name, database, {}};
  for (const ArtefactView& one : artefacts) {
    const auto found = decided.find(one.id.str());
    plan.decisions.push_back(
        found == decided.end()
            ? decide_uncounted(one, oldest, frozen, in_reach(one))
            : PruneDecision{one.id, found->second.keep, found->second.reasons, one.known_stored()});
  }
  std::ranges::reverse(plan.decisions);
  return plan;
}

}  // namespace vigie::backup
