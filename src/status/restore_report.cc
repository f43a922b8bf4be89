// How restores and drills stand.
#include "status/reports.h"

namespace vigie::status {
namespace {

using proof::DrillPlanView;
using proof::DrillResultView;
using proof::DurabilityPlanView;
using proof::ProofView;

constexpr std::string_view kBroken = "drill_canary";  // it could not verify, and somebody must look

const proof::RestoreView* last_restore(const Views& views) {
  return views.proof && views.proof->last_restore ? &*views.proof->last_restore : nullptr;
}

std::string runbook_of(const std::string& code) {
  const auto* const info = find_error_info(code);
  return info == nullptr ? "" : std::string(info->runbook);
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

json::object objective_json(const std::optional<double>& observed,
                            const std::optional<double>& target) {
  json::object out{
      {"observed_s", number_json(observed)}, {"target_s", number_json(target)}, {"met", nullptr}};
  if (observed && target) out["met"] = *observed <= *target;
  return out;
}

json::value drill_json(const DrillResultView* drill) {
  if (drill == nullptr) return nullptr;
  return json::object{{"evidence_id", drill->evidence_id},
                      {"drill", drill->drill},
                      {"database", drill->database},
                      {"backup_id", text_json(drill->backup)},
                      {"result", to_string(drill->result)},
                      {"error_code", text_json(drill->error_code)},
                      {"at", format_rfc3339(drill->started_at)},
                      {"duration_s", to_seconds(drill->ended_at - drill->started_at)},
                      {"rto", objective_json(drill->rto_s, drill->rto_target_s)},
                      {"rpo", objective_json(drill->rpo_s, drill->rpo_target_s)},
                      {"assertions", json::object{{"passed", drill->passed},
                                                  {"failed", drill->failed},
                                                  {"not_run", drill->not_run}}}};
}

// How long each took, the newest first.
json::array trend_json(const ProofView& view, const DrillPlanView& plan,
                       const std::string& database) {
  json::array trend;
  for (const DrillResultView& one : view.results)
    if (one.drill == plan.name && one.database == database)
      trend.push_back(json::object{{"at", format_rfc3339(one.started_at)},
                                   {"result", to_string(one.result)},
                                   {"rto_s", number_json(one.rto_s)},
                                   {"rpo_s", number_json(one.rpo_s)}});
  return trend;
}

json::object plan_json(const Views& views, const ProofView& view, const DrillPlanView& plan) {
  json::array databases;
  for (const std::string& database : plan.databases)
    databases.push_back(
        json::object{{"name", database},
                     {"last", drill_json(view.newest(plan.name, database))},
                     {"last_rehearsal", drill_json(view.newest_rehearsal(plan.name, database))},
                     {"trend", trend_json(view, plan, database)}});
  return {{"name", plan.name},
          {"job", plan.job},
          {"max_age_s", to_seconds(plan.max_age)},
          {"next_due_at", time_json(next_drill(views, plan.name))},
          {"databases", std::move(databases)}};
}

bool missed(const std::optional<double>& observed, const std::optional<double>& target) {
  return observed && target && *observed > *target;
}

// What was never run is not a pass; what is stale becomes none.
Check drill_check(const DrillPlanView& plan, const std::string& database,
                  const DrillResultView* newest) {
  Check check = make_check("restore.drill." + plan.name + "." + database, Status::pass, "ok", "");
  check.sources = {"ledger"};
  check.unit = "s";
  check.runbook = "drill-failed";
  if (newest == nullptr) {
    judge(check, Status::unknown, "never_drilled");
    return check;
  }
  check.observed_at = newest->ended_at;
  check.stale_after = plan.max_age;
  check.observed = number_json(newest->rto_s);
  check.threshold = number_json(newest->rto_target_s);
  if (newest->result != Verdict::passed) {
    const bool bad = newest->result == Verdict::failed || newest->error_code == kBroken;
    judge(check, bad ? Status::fail : Status::unknown, newest->error_code);
    check.runbook = runbook_of(newest->error_code);
  } else if (missed(newest->rto_s, newest->rto_target_s)) {
    judge(check, Status::warn, "rto_missed");
  } else if (missed(newest->rpo_s, newest->rpo_target_s)) {
    judge(check, Status::warn, "rpo_missed");
  }
  return check;
}

const proof::DurabilityView* newest_proof(const ProofView& view, const std::string& name) {
  const auto found = view.durability.find(name);
  return found == view.durability.end() ? nullptr : &found->second;
}

const proof::ObserverView* observer_of(const ProofView& view, const std::string& name) {
  const auto found = view.observers.find(name);
  return found == view.observers.end() ? nullptr : &found->second;
}

// A witness that has long written nothing would have seen nothing.
bool is_silent(const proof::ObserverView* observer, Duration silence, SystemTime now) {
  if (observer == nullptr) return true;
  return now - observer->last_row_at.value_or(observer->since) > silence;
}

Check durability_check(const ProofView& view, const DurabilityPlanView& plan, SystemTime now) {
  Check check = make_check("durability." + plan.name, Status::pass, "ok", "durability");
  check.sources = {"ledger"};
  const auto* const newest = newest_proof(view, plan.name);
  if (newest == nullptr) {
    judge(check, Status::unknown, plan.observes ? "no_restart_seen" : "never_proved");
  } else {
    check.observed_at = newest->ended_at;
    check.stale_after = kDurabilityStaleAfter;
    check.observed = number_json(newest->lost);
    check.unit = "1";
  }
  if (newest != nullptr && newest->result != Verdict::passed) {
    judge(check, newest->result == Verdict::failed ? Status::fail : Status::unknown,
          newest->error_code);
    check.runbook = runbook_of(newest->error_code);
  } else if (plan.observes && is_silent(observer_of(view, plan.name), plan.silence, now)) {
    judge(check, newest == nullptr ? Status::unknown : Status::warn, "not_observing");
  }
  return check;
}

json::value observer_json(const proof::ObserverView* observer) {
  if (observer == nullptr) return nullptr;
  return json::object{{"since", format_rfc3339(observer->since)},
                      {"rows", observer->rows},
                      {"restarts", observer->restarts},
                      {"last_row_at", time_json(observer->last_row_at)},
                      {"last_compared_at", time_json(observer->last_compared_at)},
                      {"not_observing_since", time_json(observer->not_observing_since)},
                      {"error_code", text_json(observer->error_code)}};
}

json::object durability_json(const ProofView& view, const DurabilityPlanView& plan) {
  const auto* const newest = newest_proof(view, plan.name);
  const proof::DurabilityView known = newest == nullptr ? proof::DurabilityView{} : *newest;
  const auto if_known = [&](json::value value) {
    return newest == nullptr ? json::value(nullptr) : std::move(value);
  };
  return {{"name", plan.name},
          {"database", plan.database},
          {"mode", plan.observes ? "observe" : "fault"},
          {"fault", text_json(known.fault)},
          {"evidence_id", text_json(known.evidence_id)},
          {"result", if_known(json::value(json::string(to_string(known.result))))},
          {"error_code", text_json(known.error_code)},
          {"at", if_known(json::value(json::string(format_rfc3339(known.started_at))))},
          {"acknowledged", number_json(known.acknowledged)},
          {"lost", number_json(known.lost)},
          {"down_s", number_json(known.down_s)},
          {"observer", observer_json(observer_of(view, plan.name))}};
}

const DrillResultView* newest_drill(const Views& views) {
  return views.proof && !views.proof->results.empty() ? &views.proof->results.front() : nullptr;
}

std::optional<SystemTime> next_of_all(const Views& views) {
  std::optional<SystemTime> next;
  if (!views.proof) return next;
  for (const DrillPlanView& plan : views.proof->drills) {
    const auto due = next_drill(views, plan.name);
    if (due && (!next || *due < *next)) next = due;
  }
  return next;
}

}  // namespace

// A restore for real proves one backup on one day, and is no drill: it says nothing of the next
// one.
std::vector<Check> restore_checks(const Views& views, SystemTime now) {
  std::vector<Check> checks;
  if (!views.proof || views.proof->drills.empty()) {
    auto drill = make_check("restore.drill", Status::unknown, "never_drilled", "drill-failed");
    drill.sources = {"ledger"};
    checks.push_back(std::move(drill));
  } else {
    for (const DrillPlanView& plan : views.proof->drills)
      for (const std::string& database : plan.databases)
        checks.push_back(drill_check(plan, database, views.proof->newest(plan.name, database)));
  }
  if (views.proof)
    for (const DurabilityPlanView& plan : views.proof->durability_plans)
      checks.push_back(durability_check(*views.proof, plan, now));
  if (const auto* restore = last_restore(views); restore && restore->result != Verdict::passed) {
    auto last = make_check("restore.last", Status::warn, restore->error_code,
                           runbook_of(restore->error_code));
    last.sources = {"ledger"};
    last.observed_at = restore->ended_at;
    checks.push_back(std::move(last));
  }
  return checks;
}

json::object restore_data(const Views& views, SystemTime now) {
  const auto running = running_restore(views);
  const auto* const last = last_restore(views);
  const auto* const drill = newest_drill(views);
  json::array drills;
  json::array durability;
  if (views.proof)
    for (const DurabilityPlanView& plan : views.proof->durability_plans)
      durability.push_back(durability_json(*views.proof, plan));
  if (views.proof)
    for (const DrillPlanView& plan : views.proof->drills)
      drills.push_back(plan_json(views, *views.proof, plan));
  return {
      {"state", running         ? "running"
                : last || drill ? "idle"
                                : "never"},
      {"progress", running ? progress_json(running->progress) : json::value(nullptr)},
      {"last_drill", drill_json(drill)},
      {"drill_age_s", drill == nullptr
                          ? json::value(nullptr)
                          : json::value(to_seconds(std::max(Duration{0}, now - drill->ended_at)))},
      {"next_due_at", time_json(next_of_all(views))},
      {"drills", std::move(drills)},
      {"durability", std::move(durability)},
      {"last_real_restore", restore_json(last)}};
}

}  // namespace vigie::status
