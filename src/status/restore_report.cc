// How restores stand.
#include "status/reports.h"

namespace vigie::status {
namespace {

const proof::RestoreView* last_restore(const Views& views) {
  return views.proof && views.proof->last_restore ? &*views.proof->last_restore : nullptr;
}

json::value restore_json(const proof::RestoreView* restore) {
  if (restore == nullptr) return nullptr;
  return json::object{{"evidence_id", restore->evidence_id},
                      {"backup_id", restore->backup},
                      {"database", restore->database},
                      {"result", to_string(restore->result)},
                      {"error_code", text_json(restore->error_code)},
                      {"started_at", format_rfc3339(restore->started_at)},
                      {"ended_at", format_rfc3339(restore->ended_at)},
                      {"duration_s", to_seconds(restore->ended_at - restore->started_at)},
                      {"tables", restore->tables},
                      {"rows", restore->rows}};
}

}  // namespace

// What was never run is not a pass. A restore for real proves one backup on one day, and is no
// drill: it says nothing of the next one.
std::vector<Check> restore_checks(const Views& views) {
  auto drill = make_check("restore.drill", Status::unknown, "never_drilled", "");
  drill.sources = {"ledger"};
  std::vector<Check> checks{std::move(drill)};
  if (const auto* restore = last_restore(views); restore && restore->result != Verdict::passed) {
    const auto* const info = find_error_info(restore->error_code);
    auto last = make_check("restore.last", Status::warn, restore->error_code,
                           info == nullptr ? "" : std::string(info->runbook));
    last.sources = {"ledger"};
    last.observed_at = restore->ended_at;
    checks.push_back(std::move(last));
  }
  return checks;
}

json::object restore_data(const Views& views) {
  const auto running = running_restore(views);
  const auto* const last = last_restore(views);
  return {{"state", running ? "running"
                    : last  ? "idle"
                            : "never"},
          {"progress", running ? progress_json(running->progress) : json::value(nullptr)},
          {"last_drill", nullptr},
          {"drill_age_s", nullptr},
          {"next_due_at", nullptr},
          {"last_real_restore", restore_json(last)}};
}

}  // namespace vigie::status
