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

// Whoever put a file beside it has not changed a byte of it.
bool is_to_be_replaced(const CopyView& copy) {
  return copy.verdict() == Verdict::failed &&
         copy.last_verification->error_code != error_info(ErrorCode::artefact_extra_file).name;
}

const CopyView* copy_of(const CopyFacts& facts, const BackupId& id) {
  const auto found = std::ranges::find(facts.copies, id, &CopyView::id);
  return found == facts.copies.end() ? nullptr : &*found;
}

}  // namespace

std::vector<BackupId> missing_copies(const CopyFacts& facts) {
  std::set<BackupId> all = good_copies(facts);
  for (const ArtefactView& one : facts.good) all.insert(one.id);
  std::vector<BackupId> missing;
  for (const RetentionDecision& one : decide(all, facts)) {
    const auto source = std::ranges::find_if(
        facts.good, [&](const ArtefactView& good) { return good.id.str() == one.id; });
    if (!one.keep || source == facts.good.end()) continue;
    const CopyView* const copy = copy_of(facts, source->id);
    if (copy == nullptr || is_to_be_replaced(*copy)) missing.push_back(source->id);
  }
  return missing;
}

std::vector<BackupId> expired_copies(const CopyFacts& facts) {
  std::vector<BackupId> expired;
  for (const RetentionDecision& one : decide(good_copies(facts), facts))
    if (!one.keep) expired.push_back(*BackupId::parse(one.id));
  return expired;
}

}  // namespace vigie::backup
