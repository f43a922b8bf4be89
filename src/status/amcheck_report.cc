// Whether the databases that are backed up are damaged themselves.
#include "status/reports.h"

namespace vigie::status {
namespace {

using proof::AmcheckPlanView;
using proof::AmcheckView;

// What was never looked at is not a pass; what is stale becomes none.
Check check_of(const AmcheckPlanView& plan, const AmcheckView* last) {
  Check check = make_check("amcheck." + plan.name, Status::pass, "ok", "source-corrupt");
  check.sources = {"ledger"};
  if (last == nullptr) {
    judge(check, Status::unknown, "never_amchecked");
    return check;
  }
  check.observed_at = last->ended_at;
  check.stale_after = plan.max_age;
  check.observed = last->damaged;
  check.unit = "1";
  if (last->result == Verdict::passed) return check;
  judge(check, last->result == Verdict::failed ? Status::fail : Status::unknown, last->error_code);
  if (const auto* const info = find_error_info(last->error_code)) check.runbook = info->runbook;
  return check;
}

json::object json_of(const AmcheckPlanView& plan, const AmcheckView* last) {
  json::object out{
      {"name", plan.name}, {"database", plan.database}, {"max_age_s", to_seconds(plan.max_age)}};
  for (const char* key :
       {"evidence_id", "result", "error_code", "at", "duration_s", "tables", "indexes", "damaged"})
    out[key] = nullptr;
  if (last == nullptr) return out;
  out["evidence_id"] = last->evidence_id;
  out["result"] = to_string(last->result);
  out["error_code"] = text_json(last->error_code);
  out["at"] = format_rfc3339(last->started_at);
  out["duration_s"] = to_seconds(last->ended_at - last->started_at);
  out["tables"] = last->tables;
  out["indexes"] = last->indexes;
  out["damaged"] = last->damaged;
  return out;
}

}  // namespace

std::vector<Check> amcheck_checks(const Views& views) {
  std::vector<Check> checks;
  if (!views.proof) return checks;
  for (const AmcheckPlanView& plan : views.proof->amcheck_plans)
    checks.push_back(check_of(plan, views.proof->newest(plan)));
  return checks;
}

json::array amcheck_json(const Views& views) {
  json::array out;
  if (!views.proof) return out;
  for (const AmcheckPlanView& plan : views.proof->amcheck_plans)
    out.push_back(json_of(plan, views.proof->newest(plan)));
  return out;
}

}  // namespace vigie::status
