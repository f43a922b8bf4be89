#include "ledger/writer.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/damages.h"
#include "ledger/entry_json.h"
#include "ledger/segments.h"
#include "platform/failpoint.h"

namespace vigie::ledger {
namespace {

constexpr size_t kDamagesInEntry = 500;
constexpr std::string_view kProbe = "probe";
constexpr Duration kProbeEvery = std::chrono::minutes(5);

bool unrecorded(const DamageView& damage) {
  return damage.recorded_seq == 0;
}

tl::unexpected<Error> too_long(size_t size) {
  return fail(ErrorCode::limit_exceeded, {{"name", "size of an entry of evidence"},
                                          {"observed", format_bytes({size})},
                                          {"limit", format_bytes(kMaxLine)}});
}

tl::unexpected<Error> not_readable(const platform::Path& folder, uint64_t seq) {
  const char* const reason = seq > kMaxSeq ? "no seq is left" : "the entry could not be read again";
  return fail(ErrorCode::ledger_unwritable, {{"path", folder.string()}, {"reason", reason}});
}

}  // namespace

Ledger::Writer::Writer(platform::FileSystem& files, const platform::Path& folder,
                       const platform::Clock& clock, LedgerOptions options, Survey found, Mark mark)
    : files_(files),
      folder_(folder),
      clock_(clock),
      options_(options),
      state_(std::move(found)),
      mark_(std::move(mark)),
      tail_(std::in_place, files, folder, state_.segments.back().size, state_.last_number),
      reserve_(files, folder, options.reserve),
      index_(files, folder, state_) {
  state_.rows = {};
}

void Ledger::Writer::settle() {
  const std::lock_guard lock(mutex_);
  if (options_.read_only) return publish();
  auto done = tail_->repair();
  if (done) done = record_damage();
  if (!done) (void)failed(done.error());
  (void)raise_mark();     // the view says how this went,
  (void)reserve_.make();  // and whether it is there
  (void)prove();          // and how this went
  publish();
}

Result<Recorded> Ledger::Writer::append(const Entry& entry, const std::optional<RunLogRef>& log) {
  const std::lock_guard lock(mutex_);
  TRY(writable());
  TRY(take_up_other_end());
  TRY(record_damage());
  return append_locked(entry, log);
}

Result<Recorded> Ledger::Writer::acknowledge_damage(Entry entry) {
  const std::lock_guard lock(mutex_);
  TRY(writable());
  TRY(take_up_other_end());
  TRY(record_damage());
  if (all_acknowledged()) return fail(ErrorCode::nothing_to_acknowledge, {{"name", "the ledger"}});
  entry.kind = kind::kAcknowledgement;
  entry.subject["type"] = "ledger";
  entry.result = Outcome::passed;
  entry.started_at = entry.ended_at = clock_.now();
  return append_locked(entry);
}

Result<> Ledger::Writer::maintain() {
  const std::lock_guard lock(mutex_);
  TRY(writable());
  TRY(record_damage());
  TRY(raise_mark());
  TRY(prove());
  if (reserve_.ready() || options_.reserve.count == 0) return {};
  auto made = reserve_.make();
  publish();
  return made;
}

void Ledger::Writer::proven() {
  probe_error_.clear();
  proven_at_ = clock_.now();
  next_probe_ = clock_.monotonic() + kProbeEvery;
}

// When nothing was appended lately: does the folder still take a write? A full disk does not, and
// the reserve is there for it: that is no failure, and no proof.
Result<> Ledger::Writer::prove() {
  if (clock_.monotonic() < next_probe_) return {};
  const auto probed = platform::write_file_replace(files_, folder_ / kProbe, "\n");
  if (!probed) {
    unproven(probed.error());
    return probed;
  }
  proven();
  publish();
  return {};
}

void Ledger::Writer::unproven(const Error& error) {
  if (error.code() != ErrorCode::disk_full || !reserve_.ready()) {
    probe_error_ = told(error).info().name;
    failed_at_ = clock_.now();
  }
  publish();
}

Mark Ledger::Writer::written() const {
  if (state_.chain.last_seq() == 0) return {};
  return {state_.chain.last_seq(), state_.chain.head()};
}

// Never while damage is not recorded: the mark may be all that knows of it.
Result<> Ledger::Writer::raise_mark() {
  const Mark now = written();
  if (now == mark_ || std::ranges::any_of(state_.damages, unrecorded)) return {};
  if (auto raised = write_mark(files_, folder_, now); !raised) {
    unproven(raised.error());
    return raised;
  }
  mark_ = now;
  return {};
}

LedgerViewPtr Ledger::Writer::view() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

Result<> Ledger::Writer::writable() const {
  if (!options_.read_only) return {};
  return fail(ErrorCode::ledger_unwritable,
              {{"path", folder_.string()}, {"reason", "it was opened to look only"}});
}

Result<Recorded> Ledger::Writer::append_locked(const Entry& entry,
                                               const std::optional<RunLogRef>& log) {
  Recorded recorded{state_.chain.next_seq(), new_run_id().str(), {}};
  TRY_ASSIGN(json::object object, to_json(entry, recorded.id, log));
  const SealedLine line = seal_line(std::move(object), recorded.seq, state_.chain.head());
  if (line.text.size() > kMaxLine.count + 1) return too_long(line.text.size());
  const std::string_view text(line.text.data(), line.text.size() - 1);
  const auto view = read_line(text);  // before it is written: what we cannot read is never durable
  if (!view) return not_readable(folder_, recorded.seq);
  if (auto written = write_or_use_reserve(line.text); !written) {
    (void)tail_->repair();  // best effort: the next append does it otherwise
    Error error = failed(written.error());
    publish();
    return fail(std::move(error));
  }
  appended(*view, text);
  (void)raise_mark();  // the entry counts without it; maintain() tries again
  recorded.entry_hash = line.entry_hash;
  return recorded;
}

Result<> Ledger::Writer::write(std::string_view line) {
  if (tail_->size() >= options_.segment) TRY(seal());
  return tail_->append(line);
}

Result<> Ledger::Writer::write_or_use_reserve(std::string_view line) {
  auto written = write(line);
  const bool full = !written && written.error().code() == ErrorCode::disk_full;
  if (!full || !reserve_.release()) return written;
  return write(line);
}

Result<> Ledger::Writer::seal() {
  TRY(tail_->repair());  // what may wait for the disk, before readers have to
  TRY_ASSIGN(const std::string name, index_.seal([this] { return tail_->seal(); }));
  if (name.empty()) return {};
  for (DamageView& damage : state_.damages) {
    if (damage.segment == kCurrentSegment) damage.segment = name;
  }
  state_.segments.back().name = name;
  state_.segments.emplace_back().name = kCurrentSegment;
  return {};
}

// Damage in the current segment is sealed with it first: nothing good follows bad lines in a file.
Result<> Ledger::Writer::record_damage() {
  while (std::ranges::any_of(state_.damages, unrecorded)) {
    const bool in_current = std::ranges::any_of(
        state_.damages, [](const DamageView& damage) { return damage.segment == kCurrentSegment; });
    if (in_current) {
      if (auto sealed = seal(); !sealed) return fail(failed(sealed.error()));
    }
    TRY(append_locked(damage_entry()));
  }
  return {};
}

Entry Ledger::Writer::damage_entry() const {
  json::array segments;
  for (const DamageView& damage : state_.damages) {
    if (!unrecorded(damage) || segments.size() == kDamagesInEntry) continue;
    const json::value sha256 = damage.sha256.empty() ? json::value() : json::value(damage.sha256);
    segments.push_back(json::object{{"segment", damage.segment},
                                    {"line", damage.line},
                                    {"reason", damage.reason},
                                    {"problems", damage.problems},
                                    {"bytes", damage.size.count},
                                    {"sha256", sha256}});
  }
  Entry entry;
  entry.kind = kind::kLedgerDamage;
  entry.started_at = entry.ended_at = clock_.now();
  entry.trigger.by = "daemon";
  entry.ended_with(Error(ErrorCode::ledger_damaged));
  entry.subject["type"] = "ledger";
  entry.measures["segments"] = std::move(segments);
  entry.follow_up = "vigie evidence verify";
  return entry;
}

void Ledger::Writer::appended(const LineView& entry, std::string_view text) {
  SegmentView& segment = state_.segments.back();
  Row row = row_of(entry);
  row.offset = segment.size.count;
  row.length = static_cast<uint32_t>(text.size());
  index_.add(row);
  state_.chain.append(entry.seq, std::string(entry.entry_hash));
  state_.last_at = row.ended_at;
  ++state_.entries;
  if (segment.first_seq == 0) segment.first_seq = entry.seq;
  segment.last_seq = entry.seq;
  ++segment.entries;
  segment.size = tail_->size();
  if (state_.newest.note(entry)) newest_.reset();
  if (concerns_ledger(entry.kind)) {
    note_line(state_, text);
    match_damages(state_);
  }
  error_code_.clear();
  failed_at_.reset();
  proven();
  publish();
}

Error Ledger::Writer::told(const Error& error) const {
  const bool own_words = error.code() == ErrorCode::disk_full ||
                         error.code() == ErrorCode::file_corrupt ||
                         error.code() == ErrorCode::ledger_unwritable;
  if (own_words) return error;
  return Error(ErrorCode::ledger_unwritable,
               {{"path", folder_.string()}, {"reason", std::string(error.parameter("reason"))}});
}

Error Ledger::Writer::failed(const Error& error) {
  Error told = this->told(error);
  error_code_ = told.info().name;
  failed_at_ = clock_.now();
  return told;
}

void Ledger::Writer::publish() {
  auto view = std::make_shared<LedgerView>(view_of(state_));
  view->observed_at = clock_.now();
  view->reserve_ready = reserve_.ready() || options_.reserve.count == 0;
  view->error_code = error_code_.empty() ? probe_error_ : error_code_;
  view->failed_at = failed_at_;
  view->proven_at = proven_at_;
  if (!newest_) newest_ = std::make_shared<const Newest>(state_.newest);
  view->newest = newest_;
  const std::lock_guard lock(view_mutex_);
  view_ = std::move(view);
}

}  // namespace vigie::ledger
