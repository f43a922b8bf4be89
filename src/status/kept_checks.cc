// Of artefacts that no job of the configuration speaks for: those that were lost, and those whose
// job is gone.
#include <map>

#include "status/reports.h"

namespace vigie::status {
namespace {

using backup::ArtefactView;
using backup::BackupsView;

struct Left {
  size_t artefacts = 0;
  size_t damaged = 0;
  size_t unreadable = 0;
  std::optional<uint64_t> stored = 0;  // nothing: the manifest of one could not be read
  SystemTime newest;
};

using LeftByDatabase = std::map<std::pair<std::string, std::string>, Left>;

LeftByDatabase left_behind(const BackupsView& view) {
  LeftByDatabase all;
  for (const ArtefactView& one : view.artefacts) {
    if (one.configured) continue;
    Left& left = all[{one.id.job, one.id.database}];
    ++left.artefacts;
    left.damaged += one.verdict() == Verdict::failed ? 1 : 0;
    left.unreadable += one.unreadable() ? 1 : 0;
    if (!one.is_read()) left.stored.reset();
    if (left.stored) *left.stored += one.stored.count;
    left.newest = one.id.started_at;  // they are sorted
  }
  return all;
}

Check begin(const BackupsView& view, std::string id) {
  Check check;
  check.id = std::move(id);
  check.status = Status::pass;
  check.reason_code = "ok";
  check.unit = "artefacts";
  check.threshold = 0;
  check.observed_at = view.observed_at;
  check.stale_after = kStaleAfter;
  check.sources = {"stores"};
  check.runbook = "artefact-damaged";
  return check;
}

Check judged(Check check, Status status, std::string reason_code) {
  check.status = status;
  check.reason_code = std::move(reason_code);
  return check;
}

Check lost_check(const BackupsView& view) {
  Check check = begin(view, "backups.lost");
  check.observed = view.losses.size();
  if (view.losses.empty()) return check;
  check.since = std::ranges::min(view.losses, {}, &backup::LossView::since).since;
  return judged(std::move(check), Status::fail, "backup_lost");
}

Check not_configured_check(const BackupsView& view) {
  Check check = begin(view, "backups.not_configured");
  size_t artefacts = 0;
  size_t damaged = 0;
  size_t unreadable = 0;
  for (const auto& [database, left] : left_behind(view)) {
    artefacts += left.artefacts;
    damaged += left.damaged;
    unreadable += left.unreadable;
  }
  check.observed = artefacts;
  if (artefacts == 0) return check;
  if (damaged > 0) return judged(std::move(check), Status::fail, "artefact_damaged");
  if (unreadable > 0) return judged(std::move(check), Status::unknown, "artefact_unreadable");
  check.runbook = "configuration";
  return judged(std::move(check), Status::warn, "not_configured");
}

}  // namespace

std::vector<Check> kept_checks(const BackupsView& view) {
  return {lost_check(view), not_configured_check(view)};
}

json::array losses_json(const BackupsView& view) {
  json::array losses;
  for (const auto& one : view.losses)
    losses.push_back(json::object{
        {"backup_id", one.id.str()}, {"store", one.store}, {"since", format_rfc3339(one.since)}});
  return losses;
}

json::array not_configured_json(const BackupsView& view) {
  json::array all;
  for (const auto& [database, left] : left_behind(view))
    all.push_back(json::object{{"job", database.first},
                               {"database", database.second},
                               {"artefacts", left.artefacts},
                               {"damaged", left.damaged},
                               {"stored_bytes", number_json(left.stored)},
                               {"newest_at", format_rfc3339(left.newest)}});
  return all;
}

}  // namespace vigie::status
