#include "backup/copy_plan.h"

#include <algorithm>
#include <set>

#include "backup/retention.h"
#include "base/error.h"

namespace vigie::backup {
namespace {

std::vector<RetentionDecision> decide(const std::set<BackupId>& ids, const CopyFacts& facts) {
  std::vector<RetentionCandidate> candidates;
  for (const BackupId& id : ids) {
    RetentionCandidate one{id.str(), id.started_at, {}};
    if (std::ranges::count(facts.held, id) > 0) one.holds.emplace_back("held");
    candidates.push_back(std::move(one));
  }
  return plan_retention(candidates, facts.retention, facts.zone);
}

std::set<BackupId> good_copies(const CopyFacts& facts) {
  std::set<BackupId> ids;
  for (const CopyView& one : facts.copies)
    if (one.verdict() == Verdict::passed) ids.insert(one.id);
  return ids;
}

const CopyView* copy_of(const CopyFacts& facts, const BackupId& id) {
  const auto found = std::ranges::find(facts.copies, id, &CopyView::id);
  return found == facts.copies.end() ? nullptr : &*found;
}

}  // namespace

bool is_to_be_read(const CopyView& copy, SystemTime now) {
  const auto& last = copy.last_verification;
  if (!last || last->result == Verdict::could_not_verify) return true;
  const bool only_strangers = last->result == Verdict::failed && !copy.is_damaged();
  return last->at + (only_strangers ? kCopyLookAgain : kCopyScrub) <= now;
}

std::vector<ArtefactView> good_originals(const Catalogue& catalogue, const Setup& setup,
                                         const BackupJobOptions& job, const std::string& database,
                                         std::string_view store) {
  auto good = catalogue.of(job.name, database);
  std::erase_if(good, [&](const ArtefactView& one) {
    return !counts_as_good(one, job) || setup.store(one.store) == nullptr ||
           catalogue.is_expiring(one.id) || one.store == store;
  });
  return good;
}

std::vector<BackupId> missing_copies(const CopyFacts& facts) {
  std::set<BackupId> all = good_copies(facts);
  for (const ArtefactView& one : facts.good) all.insert(one.id);
  std::vector<BackupId> missing;
  for (const RetentionDecision& one : decide(all, facts)) {
    const auto source = std::ranges::find_if(
        facts.good, [&](const ArtefactView& good) { return good.id.str() == one.id; });
    if (!one.keep || source == facts.good.end()) continue;
    const CopyView* const copy = copy_of(facts, source->id);
    if (copy == nullptr || copy->is_damaged()) missing.push_back(source->id);
  }
  return missing;
}

// While there are too few good ones, even a damaged one may be the best that there is of its day.
std::vector<BackupId> expired_copies(const CopyFacts& facts) {
  const auto decided = decide(good_copies(facts), facts);
  std::vector<BackupId> expired;
  std::optional<BackupId> oldest;  // of those that are kept
  for (const RetentionDecision& one : decided) {
    const BackupId id = *BackupId::parse(one.id);
    if (!one.keep) expired.push_back(id);
    if (one.keep && (!oldest || id < *oldest)) oldest = id;
  }
  if (!oldest || decided.size() < static_cast<size_t>(facts.retention.min_good)) return expired;
  for (const CopyView& one : facts.copies)
    if (one.is_damaged() && one.id < *oldest && std::ranges::count(facts.held, one.id) == 0)
      expired.push_back(one.id);
  return expired;
}

}  // namespace vigie::backup
