#include "daemon/run_evidence.h"

#include <algorithm>
#include <vector>

#include "daemon/entry_text.h"

namespace vigie::daemon {
namespace {

using jobs::RunRow;
using jobs::RunState;

struct Told {
  std::string kind;
  std::string result;
  std::string error_code;
  std::string state;  // of an end's own entry
};

bool is_end(const Told& told) {
  return told.kind == ledger::kind::kInterrupted || told.kind == ledger::kind::kRunEnded ||
         told.kind == ledger::kind::kMissedRun;
}

// Its whole work leaves one entry.
bool has_one_part(const RunRow& row) {
  return row.kind == "verify" || row.kind == "scrub" || row.kind == ledger::kind::kEvidenceVerify;
}

Result<std::vector<Told>> entries_of(const ledger::Ledger& ledger, const RunRow& row) {
  std::vector<Told> all;
  ledger::Filter filter;
  filter.correlation_id = row.correlation_id.str();
  TRY(ledger.for_each(filter, [&](const json::object& entry) {
    if (text_of(find_object(entry, "trigger"), "run_id") == row.id.str()) {
      all.push_back({text_of(&entry, "kind"), text_of(&entry, "result"),
                     text_of(&entry, "error_code"),
                     text_of(find_object(entry, "subject"), "state")});
    }
    return true;
  }));
  return all;
}

bool tells_the_end(const Told& told, const RunRow& row) {
  return is_end(told) || told.error_code == row.error_code;
}

std::string_view kind_of(const RunRow& row) {
  if (row.state == RunState::interrupted) return ledger::kind::kInterrupted;
  const bool missed = row.error_code == error_info(ErrorCode::missed_run).name;
  return missed ? ledger::kind::kMissedRun : ledger::kind::kRunEnded;
}

// Nothing was looked at before it was called off: that is no verdict.
ledger::Outcome result_of(const RunRow& row) {
  if (row.state == RunState::succeeded) return ledger::Outcome::passed;
  if (row.state == RunState::failed) return ledger::Outcome::failed;
  const bool called_off = row.state == RunState::cancelled && !row.started_at;
  return called_off ? ledger::Outcome::skipped : ledger::Outcome::could_not_verify;
}

ledger::Entry end_entry(const RunRow& row) {
  ledger::Entry entry;
  entry.kind = kind_of(row);
  entry.started_at = row.started_at.value_or(row.created_at);
  entry.ended_at = row.ended_at.value_or(entry.started_at);
  entry.result = result_of(row);
  entry.error_code = row.error_code;
  entry.trigger = {row.trigger.by, row.trigger.actor, row.correlation_id, row.id};
  entry.reason = row.trigger.reason;
  entry.reference = row.trigger.reference;
  entry.subject = {{"job", row.job},
                   {"work", row.kind},
                   {"state", to_string(row.state)},
                   {"began", row.started_at.has_value()}};
  if (entry.kind == ledger::kind::kMissedRun && row.due_at) {
    entry.subject["due"] = json::array{json::value(format_rfc3339(*row.due_at))};
    entry.subject["reason"] = "window";
  }
  if (const auto error = row.error())
    entry.deviations.push_back(error->detail(Audience::everybody));
  return entry;
}

RunState state_of(const Told& told) {
  if (const auto state = jobs::parse_run_state(told.state)) return *state;
  if (told.result == ledger::to_string(ledger::Outcome::passed)) return RunState::succeeded;
  if (told.result == ledger::to_string(ledger::Outcome::failed)) return RunState::failed;
  return RunState::could_not_verify;
}

void take(RunRow& row, const Told& told) {
  row.state = is_end(told) && told.state.empty() ? RunState::interrupted : state_of(told);
  if (row.state == RunState::interrupted) return;
  row.error_code = told.error_code;
  row.error_parameters = {{"run", row.id.str()}, {"job", row.job}, {"name", row.job}};
}

// A human act, of whom no part of the work knows.
void add_canceller(ledger::Entry& entry, const Cancellation& cancelled) {
  const jobs::RunTrigger& who = cancelled.who;
  entry.subject["cancelled_by"] = who.actor;
  if (!who.reason.empty()) entry.subject["cancel_reason"] = who.reason;
  if (!who.reference.empty()) entry.subject["cancel_ref"] = who.reference;
  const std::string& correlation = cancelled.correlation_id.str();
  if (!correlation.empty()) entry.subject[kCancelCorrelationId] = correlation;
}

Result<> append(ledger::Ledger& ledger, const ledger::Entry& entry) {
  TRY(ledger.append(entry));
  return {};
}

}  // namespace

Result<> record_end(ledger::Ledger& ledger, const RunRow& row,
                    const std::optional<Cancellation>& cancelled) {
  TRY_ASSIGN(const auto entries, entries_of(ledger, row));
  const bool by_someone = cancelled && row.state == RunState::cancelled;
  const bool told = std::ranges::any_of(
      entries, [&](const Told& one) { return by_someone ? is_end(one) : tells_the_end(one, row); });
  if (told) return {};
  ledger::Entry entry = end_entry(row);
  if (by_someone) add_canceller(entry, *cancelled);
  return append(ledger, entry);
}

Result<> record_found(ledger::Ledger& ledger, RunRow& row) {
  TRY_ASSIGN(const auto entries, entries_of(ledger, row));
  const auto end = std::ranges::find_if(entries, is_end);
  if (end != entries.end()) {
    take(row, *end);
  } else if (has_one_part(row) && !entries.empty()) {
    take(row, entries.back());
  } else {
    return append(ledger, end_entry(row));
  }
  return {};
}

}  // namespace vigie::daemon
