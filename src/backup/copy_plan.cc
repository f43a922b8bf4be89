#include "backup/copy_plan.h"

#include <algorithm>
#include <map>

#include "backup/retention.h"

namespace vigie::backup {
namespace {

std::vector<RetentionDecision> decide(const std::map<BackupId, bool>& held_by_id,
                                      const CopyFacts& facts) {
  std::vector<RetentionCandidate> candidates;
  for (const auto& [id, held] : held_by_id) {
    RetentionCandidate one{id.str(), id.started_at, {}};
    if (held) one.holds.emplace_back("held");
    candidates.push_back(std::move(one));
  }
  return plan_retention(candidates, facts.retention, facts.zone);
}

const CopyView* copy_of(const CopyFacts& facts, const BackupId& id) {
  const auto found = std::ranges::find(facts.copies, id, &CopyView::id);
  return found == facts.copies.end() ? nullptr : &*found;
}

bool is_good(const CopyView& copy) {
  return copy.verdict() == Verdict::passed;
}

}  // namespace

std::vector<BackupId> missing_copies(const CopyFacts& facts) {
  std::map<BackupId, bool> all;
  for (const CopyView& one : facts.copies)
    if (is_good(one)) all.emplace(one.id, false);
  for (const ArtefactView& one : facts.good) all[one.id] = !one.holds.empty();
  std::vector<BackupId> missing;
  for (const RetentionDecision& one : decide(all, facts)) {
    const auto source = std::ranges::find_if(
        facts.good, [&](const ArtefactView& good) { return good.id.str() == one.id; });
    if (!one.keep || source == facts.good.end()) continue;
    const CopyView* const copy = copy_of(facts, source->id);
    if (copy == nullptr || copy->verdict() == Verdict::failed) missing.push_back(source->id);
  }
  return missing;
}

std::vector<BackupId> expired_copies(const CopyFacts& facts, std::span<const BackupId> held) {
  std::map<BackupId, bool> all;
  for (const CopyView& one : facts.copies)
    if (is_good(one)) all.emplace(one.id, std::ranges::count(held, one.id) > 0);
  std::vector<BackupId> expired;
  for (const RetentionDecision& one : decide(all, facts))
    if (!one.keep) expired.push_back(*BackupId::parse(one.id));
  return expired;
}

}  // namespace vigie::backup
