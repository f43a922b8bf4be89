// The ledger that verifies itself while it is written to.
#include <fmt/format.h>

#include <algorithm>

#include "ledger/damages.h"
#include "ledger/segments.h"
#include "ledger/writer.h"

namespace vigie::ledger {
namespace {

constexpr size_t kProblemsInEntry = 50;

// What only its writer can say: the files are a sound chain, and not the one that was written.
std::string_view lost_end(const VerifyReport& found, const LedgerView& written) {
  if (found.last_seq < written.last_seq) return "entries are missing at its end";
  const bool same = found.last_seq == written.last_seq && found.head == written.head;
  return same || found.last_seq > written.last_seq ? "" : "its end was written anew";
}

// True: it was another.
bool compare_with(const LedgerView& written, VerifyReport& report) {
  const std::string_view what = lost_end(report, written);
  if (what.empty() || report.problem_count > 0) return false;
  const uint64_t line = written.segments.back().entries;
  report.problems.push_back(
      {std::string(kCurrentSegment), line, written.last_seq, std::string(what)});
  report.problem_count = 1;
  return true;
}

Entry begin_entry(const Trigger& trigger, SystemTime started_at, SystemTime ended_at) {
  Entry entry;
  entry.kind = kind::kEvidenceVerify;
  entry.started_at = started_at;
  entry.ended_at = ended_at;
  entry.trigger = trigger;
  entry.subject["type"] = "ledger";
  return entry;
}

void describe(Entry& entry, const VerifyReport& report) {
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
  if (finding) entry.follow_up = "vigie evidence verify";
}

}  // namespace

bool Ledger::Writer::all_acknowledged() const {
  const auto& verification = state_.verification;
  const bool failed = verification && verification->result == Verdict::failed &&
                      state_.acknowledged_seq < state_.verification_seq;
  return !failed && std::ranges::all_of(state_.damages, &DamageView::acknowledged);
}

// Nothing is appended meanwhile: what is seen is what there is, and damage is recorded before
// anything follows it.
Result<VerifyReport> Ledger::Writer::take_up_damage(const std::stop_token& stop) {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(Survey found, survey(files_, folder_, Rows::no, stop));
  state_.damages = found.damages;
  match_damages(state_);
  TRY(record_damage());
  VerifyReport report = report_of(found);
  // The next entry would not lie where it is looked for: it begins a segment.
  if (compare_with(view_of(state_), report)) TRY(seal());
  publish();
  return report;
}

Result<VerifyReport> Ledger::Writer::verify_files(const std::stop_token& stop) {
  const LedgerViewPtr written = view();
  TRY_ASSIGN(VerifyReport report, ledger::verify(files_, folder_, stop));
  (void)compare_with(*written, report);  // looked at again below
  return report.finding() ? take_up_damage(stop) : Result<VerifyReport>(std::move(report));
}

Result<VerifyReport> Ledger::Writer::verify(const Trigger& trigger, const std::stop_token& stop) {
  TRY(writable());
  const SystemTime started_at = clock_.now();
  auto report = verify_files(stop);
  if (!report && report.error().code() == ErrorCode::cancelled) return report;
  Entry entry = begin_entry(trigger, started_at, clock_.now());
  if (report) {
    describe(entry, *report);
  } else {
    entry.ended_with(report.error());
    entry.deviations.push_back(report.error().detail(Audience::everybody));
  }
  TRY(append(entry));
  return report;
}

}  // namespace vigie::ledger
