#include "ledger/survey.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/damages.h"
#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr size_t kProblemsKept = 1000;
constexpr unsigned kVersion = 1;
constexpr std::string_view kNoEntry = "not an entry";
constexpr std::string_view kMissingAtEnd = "entries are missing at its end";
constexpr std::string_view kWrittenAnew = "its end was written anew";
constexpr std::string_view kTooLong = "longer than an entry may be";

// The correlation id in a trigger's text. Its form needs no unescaping.
std::string_view correlation_of(std::string_view trigger) {
  constexpr std::string_view kKey = "\"correlation_id\":\"";
  const size_t at = trigger.find(kKey);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = trigger.substr(at + kKey.size());
  return rest.substr(0, rest.find('"'));
}

// Puts one segment after another into a Survey.
class Surveyor {
 public:
  Surveyor(Survey& into, Rows rows, const Mark& mark, const SeeEntry& see)
      : survey_(into), rows_(rows), mark_(mark), see_(see) {}

  void begin(std::string name) {
    survey_.segments.emplace_back().name = std::move(name);
    lines_ = 0;
    newer_lines_ = 0;
  }
  void line(const RawLine& raw) {
    ++lines_;
    if (raw.too_long) return lose(lines_, raw.length, kTooLong);
    const Chain::Judged judged = survey_.chain.judge(raw.text);
    if (lines_ == 1 && judged.follows_lost_end) {
      lost_end(kMissingAtEnd);
      if (judged.seq > mark_.seq) forget_mark();  // else it is of an entry behind this one
    } else if (!judged.problem.empty()) {
      problem(raw.number, judged.seq, judged.problem);
    }
    if (judged.entry) entry(raw, *judged.entry);
    count_version(judged.entry ? judged.entry->version : schema_version(raw.text));
  }
  void end(const Scanned& scanned) { set_size(scanned.whole); }
  // Bytes behind the last line feed that no interrupted append has left.
  void lost_tail(const Scanned& scanned) {
    set_size(scanned.whole + scanned.torn);
    lose(lines_ + 1, scanned.torn.count, scanned.torn_text.empty() ? kTooLong : kNoEntry);
  }
  // A segment of this size, of which nobody knows what stands behind the lines so far.
  void unreadable(Bytes size) {
    set_size(size);
    lose(lines_ + 1, size.count, "the file cannot be read");
  }
  // After the last segment: the mark's entry must have been met.
  void compare_with_mark() {
    const bool missing = ends_before_mark();
    if (!missing && !met_another_) return;  // it is there, or among the lines that are damaged
    lost_end(missing ? kMissingAtEnd : kWrittenAnew);
    survey_.chain.lose_end(mark_.seq);
  }
  bool ends_before_mark() const { return survey_.chain.next_seq() <= mark_.seq; }
  // Every line of the segment was written by a newer release. One such line is damage.
  Result<> check_version() const {
    if (lines_ == 0 || newer_lines_ < lines_) return {};
    return fail(ErrorCode::ledger_newer, {{"file", survey_.segments.back().name},
                                          {"observed", fmt::format("vigie.evidence/{}", version_)},
                                          {"expected", std::string(kSchema)}});
  }

 private:
  SegmentView& segment() { return survey_.segments.back(); }

  void count_version(unsigned version) {
    if (version <= kVersion) return;
    ++newer_lines_;
    version_ = version;
  }
  void lose(uint64_t line, uint64_t bytes, std::string_view what) {
    survey_.chain.lose_line(bytes);
    problem(line, 0, what);
  }
  void problem(uint64_t line, uint64_t seq, std::string_view what) {
    problem(segment().name, line, seq, what);
  }
  void problem(const std::string& in, uint64_t line, uint64_t seq, std::string_view what) {
    ++survey_.problem_count;
    if (survey_.problems.size() < kProblemsKept)
      survey_.problems.push_back({in, line, seq, std::string(what)});
    if (survey_.damages.empty() || survey_.damages.back().segment != in)
      survey_.damages.push_back({.segment = in, .line = line, .reason = std::string(what)});
    ++survey_.damages.back().problems;
  }
  // Of the last segment that holds anything, so that it is the same damage whoever finds it: by the
  // mark, or by the gap that the entry behind it leaves.
  void lost_end(std::string_view what) { problem(filled_, filled_lines_ + 1, 0, what); }
  void set_size(Bytes size) {
    segment().size = size;
    if (size.count == 0) return;
    filled_ = segment().name;
    filled_lines_ = lines_;
  }
  void entry(const RawLine& raw, const LineView& entry) {
    SegmentView& in = segment();
    if (in.first_seq == 0) in.first_seq = entry.seq;
    in.last_seq = std::max(in.last_seq, entry.seq);
    ++in.entries;
    ++survey_.entries;
    const Row row = row_of(entry, raw, survey_.segments.size() - 1);
    survey_.last_at = row.ended_at;
    if (rows_ == Rows::yes) survey_.rows.push_back(row);
    if (rows_ == Rows::yes) survey_.newest.note(entry);
    meet(entry);
    if (see_) see_(entry);
    if (concerns_ledger(entry.kind)) note_line(survey_, raw.text);
  }
  // What it says that there was is accounted for.
  void forget_mark() {
    mark_ = {};
    met_another_ = false;
  }
  void meet(const LineView& entry) {
    if (entry.seq != mark_.seq) return;
    met_another_ = entry.entry_hash != mark_.entry_hash;
    if (!met_another_) mark_ = {};
  }
  static Row row_of(const LineView& entry, const RawLine& raw, size_t segment) {
    Row row = ledger::row_of(entry);
    row.offset = raw.offset;
    row.length = static_cast<uint32_t>(raw.text.size());
    row.segment = static_cast<uint32_t>(segment);
    return row;
  }

  Survey& survey_;
  Rows rows_;
  Mark mark_;  // none any more: its entry was met
  const SeeEntry& see_;
  bool met_another_ = false;
  std::string filled_ = sealed_name(0);  // no segment has this name: what was before the first
  uint64_t filled_lines_ = 0;
  uint64_t lines_ = 0;
  uint64_t newer_lines_ = 0;
  unsigned version_ = 0;
};

// The segments as they were at one moment. Sealed ones never change; the current one is held open,
// so that it stays the same file when a writer seals it.
struct Snapshot {
  SegmentNames names;
  std::shared_ptr<const platform::ReadableFile> current;  // null: there is none
};

Result<std::shared_ptr<const platform::ReadableFile>> open_current(platform::FileSystem& files,
                                                                   const platform::Path& folder) {
  auto opened = files.open_read(folder / kCurrentSegment);
  const bool missing = !opened && opened.error().code() == ErrorCode::file_not_found;
  if (missing) return nullptr;
  if (!opened) return fail(opened.error());
  return *std::move(opened);
}

// A writer may seal the current segment between our listing and our opening of it: then we look
// again.
Result<Snapshot> take_snapshot(platform::FileSystem& files, const platform::Path& folder) {
  constexpr int kTries = 100;
  for (int i = 1;; ++i) {
    Snapshot snapshot;
    TRY_ASSIGN(snapshot.names, list_segments(files, folder));
    TRY_ASSIGN(snapshot.current, open_current(files, folder));
    TRY_ASSIGN(const SegmentNames after, list_segments(files, folder));
    if (after.sealed == snapshot.names.sealed || i == kTries) return snapshot;
  }
}

// The bytes behind the last line feed may be left by an append that did not count, or there are
// none.
bool was_interrupted(const Scanned& scanned, const Surveyor& surveyor) {
  if (scanned.torn.count == 0) return true;
  return scanned.torn.count == scanned.torn_text.size() &&
         is_beginning_of_line(scanned.torn_text) && !surveyor.ends_before_mark();
}

// Lines as far as they can be read. An error says that the rest cannot, or `cancelled`.
Result<Scanned> scan(const platform::ReadableFile& file, Surveyor& surveyor,
                     const std::stop_token& stop) {
  TRY_ASSIGN(const Scanned scanned,
             scan_lines(
                 file, [&](const RawLine& raw) { surveyor.line(raw); }, stop));
  surveyor.end(scanned);
  return scanned;
}

bool is_cancelled(const Error& error) {
  return error.code() == ErrorCode::cancelled;
}

Result<> survey_sealed(platform::FileSystem& files, const platform::Path& path, Surveyor& surveyor,
                       const std::stop_token& stop) {
  surveyor.begin(path.filename().string());
  const auto file = files.open_read(path);
  const auto scanned = file ? scan(**file, surveyor, stop) : Result<Scanned>(fail(file.error()));
  if (!scanned) {
    if (is_cancelled(scanned.error())) return fail(scanned.error());
    TRY_ASSIGN(const auto info, files.info(path));
    surveyor.unreadable(info.size);
  } else if (scanned->torn.count > 0) {
    surveyor.lost_tail(*scanned);
  }
  return surveyor.check_version();
}

Result<> survey_current(const platform::ReadableFile* file, Surveyor& surveyor, Survey& survey,
                        const std::stop_token& stop) {
  surveyor.begin(std::string(kCurrentSegment));
  if (file == nullptr) return {};
  const auto scanned = scan(*file, surveyor, stop);
  if (!scanned) {
    if (is_cancelled(scanned.error())) return fail(scanned.error());
    TRY_ASSIGN(const Bytes size, file->size());
    surveyor.unreadable(size);
  } else if (was_interrupted(*scanned, surveyor)) {
    survey.torn = scanned->torn;
  } else {
    surveyor.lost_tail(*scanned);
  }
  return surveyor.check_version();
}

}  // namespace

uint32_t tag_of(std::string_view text) {
  return static_cast<uint32_t>(std::hash<std::string_view>()(text));
}

Row row_of(const LineView& entry) {
  Row row;
  row.seq = entry.seq;
  row.ended_at = parse_rfc3339(entry.ended_at).value_or(SystemTime());
  row.correlation = tag_of(correlation_of(entry.trigger));
  row.kind = tag_of(entry.kind);
  return row;
}

Result<Survey> survey(platform::FileSystem& files, const platform::Path& folder, Rows rows,
                      const Mark& mark, std::stop_token stop, const SeeEntry& see) {
  TRY_ASSIGN(const Snapshot snapshot, take_snapshot(files, folder));
  Survey survey;
  survey.last_number = snapshot.names.last_number;
  survey.current = snapshot.current;
  Surveyor surveyor(survey, rows, mark, see);
  for (const std::string& name : snapshot.names.sealed) {
    TRY(survey_sealed(files, folder / name, surveyor, stop));
  }
  TRY(survey_current(snapshot.current.get(), surveyor, survey, stop));
  surveyor.compare_with_mark();
  survey.rows.shrink_to_fit();
  TRY(identify_damages(files, folder, survey, stop));
  match_damages(survey);
  return survey;
}

Survey empty_survey() {
  Survey survey;
  survey.segments.emplace_back().name = kCurrentSegment;
  return survey;
}

LedgerView view_of(const Survey& survey) {
  LedgerView view;
  view.entries = survey.entries;
  view.last_seq = survey.chain.last_seq();
  if (survey.entries > 0) view.last_at = survey.last_at;
  if (survey.entries > 0) view.head = survey.chain.head();
  view.segments = survey.segments;
  for (const SegmentView& segment : survey.segments) view.size += segment.size;
  view.damages = survey.damages;
  view.torn = survey.torn;
  view.verification = survey.verification;
  if (view.verification)
    view.verification->acknowledged = survey.acknowledged_seq > survey.verification_seq;
  return view;
}

VerifyReport report_of(Survey& survey) {
  const LedgerView view = view_of(survey);
  VerifyReport report;
  report.entries = view.entries;
  report.segments = view.segments.size() - (survey.current ? 0 : 1);
  report.size = view.size;
  report.last_seq = view.last_seq;
  report.head = view.head;
  report.problems = std::move(survey.problems);
  report.problem_count = survey.problem_count;
  report.acknowledged = !view.damages.empty() && !view.damaged();
  report.torn = view.torn;
  return report;
}

}  // namespace vigie::ledger
