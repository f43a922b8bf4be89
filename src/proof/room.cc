#include "proof/room.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "platform/failpoint.h"
#include "platform/system_info.h"
#include "proof/notes.h"
#include "proof/restore_plan.h"

namespace vigie::proof {
namespace {

constexpr auto kByItself = std::chrono::seconds(5);  // a server that comes back without us
constexpr size_t kProofsRemembered = 500;
constexpr size_t kRemembered = 10'000;  // entries of drills that are looked through at the start

std::optional<double> number_at(const json::object& object, std::string_view key) {
  const json::value* const found = find_value(object, key);
  return found != nullptr && found->is_number() ? std::optional(found->to_number<double>())
                                                : std::nullopt;
}

uint64_t count_at(const json::object& object, std::string_view key) {
  return static_cast<uint64_t>(std::max(0.0, number_at(object, key).value_or(0)));
}

Verdict verdict_named(std::string_view result) {
  for (const Verdict one : {Verdict::passed, Verdict::failed})
    if (result == to_string(ledger::outcome_of(one))) return one;
  return Verdict::could_not_verify;
}

// An entry as the ledger has it, or as it was handed to it: what views need of either.
struct Told {
  std::string id;
  const json::object& subject;
  const json::object& measures;
  std::string result;
  std::string error_code;
  SystemTime started_at;
  SystemTime ended_at;
  std::vector<std::string> assertions;  // how each ended
};

Told told_by(const ledger::Entry& entry, std::string id) {
  Told told{
      std::move(id),    entry.subject,    entry.measures, std::string(to_string(entry.result)),
      entry.error_code, entry.started_at, entry.ended_at, {}};
  for (const ledger::Assertion& one : entry.assertions)
    told.assertions.emplace_back(to_string(one.result));
  return told;
}

// What cannot be understood was not written by this room.
std::optional<Told> told_by(const json::object& entry) {
  const json::object* const subject = find_object(entry, "subject");
  const json::object* const measures = find_object(entry, "measures");
  const auto started_at = parse_rfc3339(text_of(entry, "started_at"));
  const auto ended_at = parse_rfc3339(text_of(entry, "ended_at"));
  if (subject == nullptr || measures == nullptr || !started_at || !ended_at) return std::nullopt;
  Told told{text_of(entry, "id"),         *subject,    *measures, text_of(entry, "result"),
            text_of(entry, "error_code"), *started_at, *ended_at, {}};
  if (const json::array* const assertions = find_array(entry, "assertions")) {
    for (const json::value& one : *assertions)
      if (const auto* const object = one.if_object())
        told.assertions.push_back(text_of(*object, "result"));
  }
  return told;
}

// What the views of all kinds tell alike.
template <class View>
View ended_view(const Told& told) {
  View view;
  view.evidence_id = told.id;
  view.result = verdict_named(told.result);
  view.error_code = told.error_code;
  view.started_at = told.started_at;
  view.ended_at = told.ended_at;
  return view;
}

bool passed(const Told& told) {
  return verdict_named(told.result) == Verdict::passed;
}

std::string database_of(const Told& told) {
  return text_of(told.subject, "database");
}

double seconds_of(const Told& told) {
  return to_seconds(told.ended_at - told.started_at);
}

RestoreView restore_view(const Told& told) {
  auto view = ended_view<RestoreView>(told);
  view.backup = text_of(told.subject, "backup");
  view.database = text_of(told.subject, "target");
  view.rows = count_at(told.measures, "rows");
  view.tables = count_at(told.measures, "tables");
  return view;
}

void add_restore(ProofView& view, const Told& told) {
  view.last_restore = restore_view(told);
  if (passed(told)) view.restore_s[database_of(told)] = seconds_of(told);
}

bool is_rehearsal(const json::object& subject) {
  const json::value* const found = find_value(subject, "rehearsal");
  return found != nullptr && found->is_bool() && found->get_bool();
}

DrillResultView drill_view(const Told& told) {
  auto view = ended_view<DrillResultView>(told);
  view.drill = text_of(told.subject, "drill");
  view.database = text_of(told.subject, "database");
  view.backup = text_of(told.subject, "backup");
  view.store = text_of(told.subject, "store");
  view.raw_bytes = count_at(told.measures, "raw_bytes");
  view.rto_s = number_at(told.measures, "rto_s");
  view.rpo_s = number_at(told.measures, "rpo_s");
  view.rto_target_s = number_at(told.measures, "rto_target_s");
  view.rpo_target_s = number_at(told.measures, "rpo_target_s");
  const auto ended = [&](ledger::Outcome outcome) {
    return static_cast<size_t>(std::ranges::count(told.assertions, to_string(outcome)));
  };
  view.passed = ended(ledger::Outcome::passed);
  view.failed = ended(ledger::Outcome::failed);
  view.not_run = told.assertions.size() - view.passed - view.failed;
  view.rehearsal = is_rehearsal(told.subject);
  return view;
}

DurabilityView durability_view(const Told& told) {
  auto view = ended_view<DurabilityView>(told);
  view.proof = text_of(told.subject, "proof");
  view.database = text_of(told.subject, "database");
  view.fault = text_of(told.subject, "fault");
  if (told.measures.contains("acknowledged")) {
    view.acknowledged = count_at(told.measures, "acknowledged");
    view.lost = count_at(told.measures, "lost");
  }
  view.down_s = number_at(told.measures, "down_s");
  return view;
}

AmcheckView amcheck_view(const Told& told) {
  auto view = ended_view<AmcheckView>(told);
  view.check = text_of(told.subject, "check");
  view.database = text_of(told.subject, "database");
  view.tables = count_at(told.measures, "tables");
  view.indexes = count_at(told.measures, "indexes");
  view.damaged = count_at(told.measures, "damaged");
  return view;
}

const DrillResultView* first_of(const std::vector<DrillResultView>& results, std::string_view drill,
                                std::string_view database) {
  const auto found = std::ranges::find_if(results, [&](const DrillResultView& one) {
    return one.drill == drill && one.database == database;
  });
  return found == results.end() ? nullptr : &*found;
}

// The newest first, and of each drill and database no more than are kept.
void add_drill(ProofView& view, DrillResultView result, bool newest) {
  std::vector<DrillResultView>& results = result.rehearsal ? view.rehearsals : view.results;
  const auto alike = [&](const DrillResultView& one) {
    return one.drill == result.drill && one.database == result.database;
  };
  if (static_cast<size_t>(std::ranges::count_if(results, alike)) < kDrillsKept) {
    results.insert(newest ? results.begin() : results.end(), std::move(result));
  } else if (newest) {
    const auto oldest = std::find_if(results.rbegin(), results.rend(), alike);
    results.erase(std::next(oldest).base());
    results.insert(results.begin(), std::move(result));
  }
}

Result<std::vector<json::object>> newest_entries(const ledger::Ledger& ledger,
                                                 std::string_view kind, size_t limit) {
  ledger::Filter filter;
  filter.kind = std::string(kind);
  filter.newest_first = true;
  filter.limit = limit;
  TRY_ASSIGN(auto page, ledger.page(filter));
  return std::move(page.entries);
}

// Of each drill and database the newest, however often another one runs.
Result<std::vector<DrillResultView>> newest_drills(const ledger::Ledger& ledger) {
  ledger::Filter filter;
  filter.kind = std::string(ledger::kind::kRestoreDrill);
  filter.newest_first = true;
  ProofView found;
  size_t seen = 0;
  TRY(ledger.for_each(filter, [&](const json::object& entry) {
    if (const auto told = told_by(entry)) add_drill(found, drill_view(*told), false);
    return ++seen < kRemembered;
  }));
  std::ranges::move(found.rehearsals, std::back_inserter(found.results));
  return std::move(found.results);
}

}  // namespace

const DrillResultView* ProofView::newest(std::string_view drill, std::string_view database) const {
  return first_of(results, drill, database);
}

const DrillResultView* ProofView::newest_rehearsal(std::string_view drill,
                                                   std::string_view database) const {
  return first_of(rehearsals, drill, database);
}

ProofRoom::ProofRoom(RestoreTools tools, platform::HttpClient& http, RecordFn record)
    : tools_(tools),
      http_(http),
      record_(std::move(record)),
      view_(std::make_shared<const ProofView>()) {}

void ProofRoom::publish(const std::function<void(ProofView&)>& change) {
  const std::lock_guard lock(mutex_);
  auto view = std::make_shared<ProofView>(*view_);
  view->observed_at = tools_.clock.now();
  change(*view);
  view_ = std::move(view);
}

Result<> ProofRoom::remember(const ledger::Ledger& ledger) {
  TRY_ASSIGN(const auto restores,
             newest_entries(ledger, ledger::kind::kRestore, kProofsRemembered));
  TRY_ASSIGN(auto drills, newest_drills(ledger));
  TRY_ASSIGN(const auto proofs,
             newest_entries(ledger, ledger::kind::kDurabilityProof, kProofsRemembered));
  TRY_ASSIGN(const auto amchecks,
             newest_entries(ledger, ledger::kind::kAmcheck, kProofsRemembered));
  publish([&](ProofView& view) {
    // What ended meanwhile is newer.
    for (const json::object& entry : restores) {
      const auto told = told_by(entry);
      if (told && !view.last_restore) view.last_restore = restore_view(*told);
      if (told && passed(*told)) view.restore_s.emplace(database_of(*told), seconds_of(*told));
    }
    for (DrillResultView& one : drills) add_drill(view, std::move(one), false);
    for (const json::object& entry : proofs)
      if (const auto told = told_by(entry))
        view.durability.emplace(text_of(told->subject, "proof"), durability_view(*told));
    for (const json::object& entry : amchecks)
      if (const auto told = told_by(entry))
        view.amcheck.emplace(text_of(told->subject, "check"), amcheck_view(*told));
  });
  return {};
}

void ProofRoom::configure(std::vector<DrillPlanView> drills,
                          std::vector<DurabilityPlanView> durability,
                          std::vector<AmcheckPlanView> amcheck) {
  publish([&](ProofView& view) {
    view.amcheck_plans = std::move(amcheck);
    view.drills = std::move(drills);
    view.durability_plans = std::move(durability);
  });
}

ProofViewPtr ProofRoom::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

Result<> ProofRoom::record(const ledger::Entry& entry) {
  TRY_ASSIGN(auto recorded, record_(entry));
  const Told told = told_by(entry, std::move(recorded.id));
  publish([&](ProofView& view) {
    if (entry.kind == ledger::kind::kRestore)
      add_restore(view, told);
    else if (entry.kind == ledger::kind::kDurabilityProof)
      view.durability[text_of(told.subject, "proof")] = durability_view(told);
    else if (entry.kind == ledger::kind::kAmcheck)
      view.amcheck[text_of(told.subject, "check")] = amcheck_view(told);
    else if (entry.kind == ledger::kind::kRestoreDrill)
      add_drill(view, drill_view(told), true);
  });
  return {};
}

Result<json::object> ProofRoom::restore(const RestoreRequest& request, evidence::Subject subject,
                                        const Work& work) {
  const SystemTime started_at = tools_.clock.now();
  const auto restored = proof::restore(request, tools_, work);
  const SystemTime ended_at = tools_.clock.now();
  if (!restored) {
    // Why it failed is worth more than that it could not be written down.
    (void)record(evidence::not_restored(subject, restored.error(), work, started_at, ended_at));
    return fail(restored.error());
  }
  TRY(record(evidence::restored(subject, *restored, work, started_at, ended_at)));
  return to_json(*restored);
}

Result<> ProofRoom::not_restored(const evidence::Subject& subject, const Error& why,
                                 const Work& work) {
  const SystemTime now = tools_.clock.now();
  return record(evidence::not_restored(subject, why, work, now, now));
}

Result<json::object> ProofRoom::plan(const RestoreRequest& request, const Work& work) const {
  TRY_ASSIGN(const auto plan, plan_restore(request, tools_, work));
  json::object out = to_json(plan);
  const ProofViewPtr known = view();
  out["last_restore_s"] = nullptr;
  const auto took = known->restore_s.find(request.id.database);
  if (took != known->restore_s.end()) out["last_restore_s"] = took->second;
  out["last_drill_rto_s"] = nullptr;
  for (const DrillResultView& one : known->results) {
    if (one.database != request.id.database || !one.rto_s) continue;
    out["last_drill_rto_s"] = *one.rto_s;
    break;
  }
  return out;
}

Result<DrillReport> ProofRoom::drill(const DrillRequest& request, evidence::Subject subject,
                                     const Work& work) {
  const SystemTime started_at = tools_.clock.now();
  DrillReport report = proof::drill(request, tools_, work);
  ledger::Entry entry = evidence::drilled(subject, request.options, request.rehearsal, report, work,
                                          started_at, tools_.clock.now());
  TRY(record(entry));
  if (!subject.off_host || request.rehearsal) return report;
  // It has shown one thing more: that what lies elsewhere can be opened.
  entry.kind = ledger::kind::kRestoreDrillOffsite;
  TRY(record(entry));
  return report;
}

Result<> ProofRoom::not_drilled(const DrillOptions& options, evidence::Subject subject,
                                bool rehearsal, const Error& why, const Work& work) {
  DrillReport report;
  report.error = why;
  const SystemTime now = tools_.clock.now();
  return record(evidence::drilled(subject, options, rehearsal, report, work, now, now));
}

Result<AmcheckReport> ProofRoom::amcheck(const AmcheckRequest& request, const Work& work) {
  const SystemTime started_at = tools_.clock.now();
  AmcheckReport report = proof::amcheck(request, tools_, work);
  TRY(record(evidence::amchecked(request.options, report, work, started_at, tools_.clock.now())));
  return report;
}

Result<DurabilityReport> ProofRoom::prove(const DurabilityRequest& request, const Work& work) {
  const SystemTime started_at = tools_.clock.now();
  DurabilityReport report = prove_durability(request, durability_tools(), work);
  TRY(record(
      evidence::durability_proved(request.options, report, work, started_at, tools_.clock.now())));
  return report;
}

Result<> ProofRoom::settle_owed_start(const DurabilityRequest& request, const OwedStart& owed,
                                      const Work& work) {
  const DurabilityTools tools = durability_tools();
  const OwedStarts notes(tools_.files, request.owed);
  const MonoTime patience = tools_.clock.monotonic() + kByItself;
  if (answers(tools, request.server, patience, work.stop)) return notes.settle(owed.proof);
  if (work.stop.stop_requested()) return {};
  const SystemTime started_at = tools_.clock.now();
  const DurabilityReport report = give_owed_start(request, owed, tools, work);
  TRY(record(
      evidence::durability_proved(request.options, report, work, started_at, tools_.clock.now())));
  const MonoTime look = tools_.clock.monotonic() + kByItself;
  if (answers(tools, request.server, look, work.stop)) return notes.settle(owed.proof);
  return fail(*report.error);
}

Result<> ProofRoom::settle_owed_reboot(const DurabilityRequest& request, const OwedReboot& owed,
                                       const Work& work) {
  const DurabilityTools tools = durability_tools();
  const SystemTime started_at = tools_.clock.now();
  const auto report = settle_reboot(request, owed, tools, work);
  if (!report) return {};
  ledger::Entry entry =
      evidence::durability_proved(request.options, *report, work, started_at, tools_.clock.now());
  TRY(record(entry));
  if (report->node) {
    entry.kind = ledger::kind::kDurabilityProofNode;
    TRY(record(entry));
  }
  platform::failpoint("proof.reboot.recorded");
  return clear_reboot(request, owed, *report, tools, work);
}

DurabilityTools ProofRoom::durability_tools() const {
  return {tools_.files, tools_.processes, tools_.postgres, tools_.clock, http_, platform::boot_id};
}

std::unique_ptr<Observer> ProofRoom::make_observer(
    const DurabilityRequest& request, std::function<void(const std::optional<Error>&)> tell,
    std::function<void(const std::string&, const Error&)> warn) {
  ObserverTools tools{tools_.files, tools_.postgres, tools_.clock,   platform::boot_id, {},
                      {},           std::move(tell), std::move(warn)};
  tools.record = [this, options = request.options](const Observation& observation,
                                                   const Work& work) -> Result<> {
    for (const ledger::Entry& entry : evidence::durability_observed(options, observation, work))
      TRY(record(entry));
    return {};
  };
  tools.find_pod = make_pod_finder(http_, tools_.files, request.options);
  tools.publish = [this](const ObserverView& seen) {
    publish([&](ProofView& view) { view.observers[seen.proof] = seen; });
  };
  return std::make_unique<Observer>(request, std::move(tools));
}

void ProofRoom::forget_observer(const std::string& proof) {
  publish([&](ProofView& view) { view.observers.erase(proof); });
}

}  // namespace vigie::proof
