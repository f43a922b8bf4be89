#include "ledger/export_verify.h"

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr size_t kProblemsKept = 1000;
constexpr size_t kHeadDepth = 8;
constexpr std::string_view kSchemaName = "vigie.evidence-export/1";
constexpr std::string_view kOpen = ",\"entries\":[";
constexpr std::string_view kClose = "]}";
constexpr std::string_view kOtherForm = "not an export, or not in the form that it was written in";

}  // namespace

Verdict ExportReport::verdict(bool key_given) const {
  if (problem_count > 0) return Verdict::failed;
  const bool proven = !key_given || (signed_by_key && reached && vouched == entries);
  return entries > 0 && proven ? Verdict::passed : Verdict::could_not_verify;
}

void ExportChecker::problem(std::string_view what, uint64_t seq) {
  ++report_.problem_count;
  if (report_.problems.size() < kProblemsKept)
    report_.problems.push_back({"", number_, seq, std::string(what)});
}

void ExportChecker::line(uint64_t number, std::string_view text, bool too_long) {
  number_ = number;
  if (too_long) {
    if (expects_ == Expects::head) expects_ = Expects::nothing;
    return problem("longer than a line may be");
  }
  switch (expects_) {
    case Expects::head:
      return head(text);
    case Expects::nothing:
      return;  // told already
    case Expects::end:
      expects_ = Expects::nothing;
      return problem("something stands behind its end");
    case Expects::separator:
      return separator(text);
    case Expects::first:
      if (text == kClose) return separator(text);
      [[fallthrough]];
    case Expects::entry:
      expects_ = Expects::separator;
      return entry(text);
  }
}

void ExportChecker::separator(std::string_view text) {
  expects_ = text == "," ? Expects::entry : text == kClose ? Expects::end : Expects::nothing;
  if (expects_ == Expects::nothing) problem(kOtherForm);
}

void ExportChecker::head(std::string_view text) {
  expects_ = Expects::nothing;
  if (!text.ends_with(kOpen)) return problem(kOtherForm);
  const std::string whole = std::string(text.substr(0, text.size() - kOpen.size())) + "}";
  const auto parsed = parse_json(whole, {.max_bytes = kMaxLine.count, .max_depth = kHeadDepth});
  const json::object* object = parsed ? parsed->if_object() : nullptr;
  const json::string* schema = object == nullptr ? nullptr : find_string(*object, "schema");
  if (schema == nullptr || std::string_view(*schema) != kSchemaName)
    return problem("not an export, or of a newer release");
  expects_ = Expects::first;
  json::error_code error;
  const json::value* count = find_value(*object, "count");
  if (count != nullptr) count_ = count->to_number<uint64_t>(error);
  checkpoint(*object);
}

void ExportChecker::checkpoint(const json::object& head) {
  const json::object* stated = find_object(head, "checkpoint");
  if (stated == nullptr) return;
  const auto line = read_checkpoint(canonical_json(*stated));
  if (!line || line->new_key) return problem("its checkpoint is none");
  report_.checkpoint = line->checkpoint;
  if (key_ == nullptr) return;
  report_.signed_by_key = key_->id() == line->checkpoint.key_id &&
                          key_->verify(line->message, line->checkpoint.signature);
  if (!report_.signed_by_key) problem("the given key does not sign its checkpoint");
}

void ExportChecker::entry(std::string_view text) {
  ++report_.entries;
  const auto view = read_line(text);
  if (!view) return problem("not an entry");
  if (line_hash(*view, hash_) != view->entry_hash)
    return problem("the entry was changed", view->seq);
  if (view->seq <= last_seq_) return problem("out of order", view->seq);
  follow(*view);
}

void ExportChecker::follow(const LineView& entry) {
  const bool contiguous = last_seq_ > 0 && entry.seq == last_seq_ + 1;
  if (contiguous && entry.prev_hash != last_hash_)
    problem("does not follow the entry before it", entry.seq);
  if (!contiguous && last_seq_ > 0) ++report_.gaps;
  run_ = contiguous ? run_ + 1 : 1;
  last_seq_ = entry.seq;
  last_hash_ = entry.entry_hash;
  if (entry.seq != report_.checkpoint.size) return;
  if (entry.entry_hash != report_.checkpoint.head)
    return problem("the checkpoint says another hash of this entry", entry.seq);
  report_.reached = true;
  report_.vouched = run_;
}

ExportReport ExportChecker::end(bool torn) {
  ++number_;
  const bool ended = expects_ == Expects::end && !torn;
  if (!ended && report_.problem_count == 0) problem("it ends too early");
  if (ended && report_.problem_count == 0 && report_.entries != count_)
    problem("entries are missing, or too many: its head says another number");
  return std::move(report_);
}

Result<ExportReport> verify_export(platform::FileSystem& files, const platform::Path& path,
                                   const std::optional<PublicKey>& key, std::stop_token stop) {
  TRY_ASSIGN(const auto file, files.open_read(path));
  ExportChecker checker(key ? &*key : nullptr);
  const auto take = [&](const RawLine& raw) { checker.line(raw.number, raw.text, raw.too_long); };
  TRY_ASSIGN(const Scanned scanned, scan_lines(*file, take, std::move(stop)));
  return checker.end(scanned.torn.count > 0);
}

}  // namespace vigie::ledger
