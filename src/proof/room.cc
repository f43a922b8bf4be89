#include "proof/room.h"

#include <utility>

namespace vigie::proof {
namespace {

std::string text_at(const json::object& object, std::string_view key) {
  const json::string* const found = find_string(object, key);
  return found == nullptr ? std::string() : std::string(*found);
}

uint64_t number_at(const json::object& object, std::string_view key) {
  const json::value* const found = find_value(object, key);
  return found != nullptr && found->is_number() ? found->to_number<uint64_t>() : 0;
}

Verdict verdict_named(std::string_view result) {
  for (const Verdict one : {Verdict::passed, Verdict::failed})
    if (result == to_string(ledger::outcome_of(one))) return one;
  return Verdict::could_not_verify;
}

// What cannot be understood was not written by this room.
std::optional<RestoreView> view_of(const json::object& entry) {
  const json::object* const subject = find_object(entry, "subject");
  const json::object* const measures = find_object(entry, "measures");
  const auto started_at = parse_rfc3339(text_at(entry, "started_at"));
  const auto ended_at = parse_rfc3339(text_at(entry, "ended_at"));
  if (subject == nullptr || measures == nullptr || !started_at || !ended_at) return std::nullopt;
  RestoreView view;
  view.evidence_id = text_at(entry, "id");
  view.backup = text_at(*subject, "backup");
  view.database = text_at(*subject, "target");
  view.result = verdict_named(text_at(entry, "result"));
  view.error_code = text_at(entry, "error_code");
  view.started_at = *started_at;
  view.ended_at = *ended_at;
  view.rows = number_at(*measures, "rows");
  view.tables = number_at(*measures, "tables");
  return view;
}

RestoreView view_of(const ledger::Entry& entry, std::string evidence_id) {
  RestoreView view;
  view.evidence_id = std::move(evidence_id);
  view.backup = text_at(entry.subject, "backup");
  view.database = text_at(entry.subject, "target");
  view.result = verdict_named(to_string(entry.result));
  view.error_code = entry.error_code;
  view.started_at = entry.started_at;
  view.ended_at = entry.ended_at;
  view.rows = number_at(entry.measures, "rows");
  view.tables = number_at(entry.measures, "tables");
  return view;
}

json::object result_of(const Restored& restored) {
  json::object result{{"database", restored.database},
                      {"tables", restored.comparison.tables},
                      {"rows", restored.comparison.rows},
                      {"rows_compared", "equal"}};
  if (!restored.kept.empty()) result["replaced_is_kept_as"] = restored.kept;
  if (restored.roles_made + restored.roles_kept > 0) {
    result["roles_made"] = restored.roles_made;
    result["roles_that_existed"] = restored.roles_kept;
  }
  for (const auto& [step, time] : restored.durations) result[step + "_s"] = to_seconds(time);
  return result;
}

}  // namespace

ProofRoom::ProofRoom(RestoreTools tools, RecordFn record)
    : tools_(tools), record_(std::move(record)), view_(std::make_shared<const ProofView>()) {}

Result<> ProofRoom::remember(const ledger::Ledger& ledger) {
  ledger::Filter filter;
  filter.kind = std::string(ledger::kind::kRestore);
  filter.newest_first = true;
  filter.limit = 1;
  TRY_ASSIGN(const auto page, ledger.page(filter));
  auto view = std::make_shared<ProofView>();
  view->observed_at = tools_.clock.now();
  if (!page.entries.empty()) view->last_restore = view_of(page.entries.front());
  const std::lock_guard lock(mutex_);
  // A restore that ended meanwhile is newer.
  if (!view_->last_restore) view_ = std::move(view);
  return {};
}

ProofViewPtr ProofRoom::view() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

Result<> ProofRoom::record(const ledger::Entry& entry) {
  TRY_ASSIGN(auto recorded, record_(entry));
  auto view = std::make_shared<ProofView>();
  view->observed_at = tools_.clock.now();
  view->last_restore = view_of(entry, std::move(recorded.id));
  const std::lock_guard lock(mutex_);
  view_ = std::move(view);
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
  return result_of(*restored);
}

}  // namespace vigie::proof
