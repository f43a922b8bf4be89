// The ledger that verifies itself while it is written to.
#include <fmt/format.h>

#include <algorithm>

#include "ledger/damages.h"
#include "ledger/writer.h"

namespace vigie::ledger {
namespace {

constexpr size_t kProblemsInEntry = 50;

Entry begin_entry(const Trigger& trigger, SystemTime started_at, SystemTime ended_at) {
  Entry entry;
  entry.kind = kind::kEvidenceVerify;
  entry.started_at = started_at;
  entry.ended_at = ended_at;
  entry.trigger = trigger;
  entry.subject["type"] = "ledger";
  return entry;
}

void describe(Entry& entry, const VerifyReport& report, const std::optional<Error>& also) {
  entry.subject["head"] = report.head;
  entry.measures = {{"entries", report.entries},
                    {"segments", report.segments},
                    {"bytes", report.size.count},
                    {"last_seq", report.last_seq},
                    {"problems", report.problem_count}};
  const auto finding = report.finding();
  entry.result = Outcome::passed;
  if (finding) entry.ended_with(*finding);
  const char* const actual = report.problem_count == 0 ? "whole"
                             : finding                 ? "broken"
                                                       : "acknowledged";
  entry.assertions.push_back({"chain", "whole", actual, entry.result});
  for (const Problem& one : report.problems) {
    if (entry.deviations.size() >= kProblemsInEntry) break;
    entry.deviations.push_back(fmt::format("{} line {}: {}", one.segment, one.line, one.what));
  }
  if (also) {
    const Outcome outcome = outcome_of(also->info().verdict);
    const bool of_checkpoints = also->code() == ErrorCode::checkpoint_invalid;
    entry.assertions.push_back(
        {of_checkpoints ? "checkpoints" : "run_logs", "fit", "do not fit", outcome});
    entry.deviations.push_back(also->detail(Audience::everybody));
    if (!finding) entry.ended_with(*also);
  }
  if (finding || also) entry.follow_up = "vigie evidence verify";
}

}  // namespace

bool Ledger::Writer::all_acknowledged() const {
  const auto& verification = state_.verification;
  const bool failed = verification && verification->result == Verdict::failed &&
                      state_.acknowledged_seq < state_.verification_seq;
  return !failed && std::ranges::all_of(state_.damages, &DamageView::acknowledged);
}

Result<VerifyReport> Ledger::Writer::take_up_damage(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  return take_up_damage_locked(written(), stop);
}

// Nothing is appended meanwhile: what is seen is what there is, and damage is recorded before
// anything follows it. The files may be others than those that we wrote: we go on from these.
Result<VerifyReport> Ledger::Writer::take_up_damage_locked(const Mark& mark,
                                                           const std::stop_token& stop) {
  TRY_ASSIGN(Survey found, survey(files_, folder_, Rows::no, mark, stop));
  VerifyReport report = report_of(found);
  state_.chain = std::move(found.chain);
  state_.damages = std::move(found.damages);
  // What was recorded and acknowledged in lines that are gone was not.
  state_.recorded = std::move(found.recorded);
  state_.acknowledged_seq = found.acknowledged_seq;
  state_.verification = found.verification;
  state_.verification_seq = found.verification_seq;
  state_.segments.back().size = found.segments.back().size;
  tail_.emplace(files_, folder_, found.segments.back().size, found.last_number);
  index_.take_up(std::move(found.current));
  match_damages(state_);
  TRY(record_damage());
  publish();
  return report;
}

// An entry behind an end that is not ours would not be where it is looked for, or lie in a file
// that has no name any more.
Result<> Ledger::Writer::take_up_other_end() {
  if (tail_->as_written()) return {};
  const auto taken = take_up_damage_locked(written(), {});
  if (!taken) return fail(failed(taken.error()));
  return {};
}

Result<VerifyReport> Ledger::Writer::verify_files(const std::stop_token& stop) {
  const LedgerViewPtr seen = view();
  const Mark mark{seen->last_seq, seen->head};
  TRY_ASSIGN(Survey found, survey(files_, folder_, Rows::no, mark, stop));
  VerifyReport report = report_of(found);
  return report.finding() ? take_up_damage(stop) : Result<VerifyReport>(std::move(report));
}

Result<bool> Ledger::Writer::holds(const Mark& known, const std::stop_token& stop) const {
  bool there = false;
  Filter filter;
  filter.after_seq = known.seq - 1;
  TRY(index_.for_each(
      filter,
      [&](const json::object& entry) {
        const json::string* hash = find_string(entry, "entry_hash");
        there = hash != nullptr && std::string_view(*hash) == known.entry_hash;
        return false;
      },
      stop));
  return there;
}

Result<> Ledger::Writer::compare_end(const Mark& known, const std::stop_token& stop) {
  if (known.seq == 0) return {};
  TRY(writable());
  TRY_ASSIGN(const bool there, holds(known, stop));
  if (there) return {};
  TRY_ASSIGN(const Survey found, survey(files_, folder_, Rows::no, known, stop));
  const bool known_damage = std::ranges::all_of(
      found.damages, [](const DamageView& damage) { return damage.recorded_seq > 0; });
  if (known_damage) return {};  // it is lost, and recorded
  const std::lock_guard lock(mutex_);
  TRY(take_up_damage_locked(known, stop));
  return {};
}

Result<VerifyReport> Ledger::Writer::verify(const Trigger& trigger, const std::stop_token& stop,
                                            const std::optional<Error>& also) {
  TRY(writable());
  const SystemTime started_at = clock_.now();
  auto report = verify_files(stop);
  if (!report && report.error().code() == ErrorCode::cancelled) return report;
  Entry entry = begin_entry(trigger, started_at, clock_.now());
  if (report) {
    describe(entry, *report, also);
  } else {
    entry.ended_with(report.error());
    entry.deviations.push_back(report.error().detail(Audience::everybody));
  }
  TRY(append(entry));
  return report;
}

}  // namespace vigie::ledger
