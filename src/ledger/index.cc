#include "ledger/index.h"

#include <algorithm>

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr size_t kBatch = 256;     // candidates
constexpr size_t kLook = 1 << 16;  // rows looked at under the mutex for one batch

bool may_match(const Filter& filter, const Row& row) {
  if (row.seq <= filter.after_seq || row.seq >= filter.before_seq) return false;
  if (filter.kind && row.kind != tag_of(*filter.kind)) return false;
  if (filter.correlation_id && row.correlation != tag_of(*filter.correlation_id)) return false;
  if (filter.from && row.ended_at < *filter.from) return false;
  return !filter.to || row.ended_at <= *filter.to;
}

bool text_is(const json::object& object, std::string_view key, std::string_view expected) {
  const json::string* text = find_string(object, key);
  return text && std::string_view(*text) == expected;
}

bool speaks_of(const json::object& entry, std::string_view backup) {
  const json::object* subject = find_object(entry, "subject");
  if (subject && text_is(*subject, "backup", backup)) return true;
  const json::array* artefacts = find_array(entry, "artefacts");
  return artefacts && std::ranges::any_of(*artefacts, [&](const json::value& one) {
           return one.is_object() && text_is(one.get_object(), "name", backup);
         });
}

// What the tags left open.
bool matches(const Filter& filter, const json::object& entry) {
  if (filter.kind && !text_is(entry, "kind", *filter.kind)) return false;
  if (filter.id && !text_is(entry, "id", *filter.id)) return false;
  if (filter.backup && !speaks_of(entry, *filter.backup)) return false;
  if (!filter.correlation_id) return true;
  const json::object* trigger = find_object(entry, "trigger");
  return trigger && text_is(*trigger, "correlation_id", *filter.correlation_id);
}

// A name that needs no escaping in JSON stands in a matching line as it is: a cheap look before the
// line is parsed.
bool line_may_match(const Filter& filter, std::string_view line) {
  const auto absent = [&](const std::optional<std::string>& text) {
    if (!text || text->find_first_of("\"\\") != std::string::npos) return false;
    return std::ranges::all_of(*text, [](char c) { return c >= 0x20; }) &&
           line.find(*text) == std::string_view::npos;
  };
  return !absent(filter.backup) && !absent(filter.id);
}

}  // namespace

// Lines by their rows, with the file of the last one kept open.
class Index::Lines {
 public:
  explicit Lines(const Index& index) : index_(index) {}

  // Nothing when the line is not there any more as it was.
  Result<std::optional<std::string_view>> read(const Row& row) {
    auto line = read_once(row);
    const bool gone = !line && line.error().code() == ErrorCode::file_not_found;
    if ((line && *line) || (!line && !gone)) return line;
    file_.reset();  // the segment may have been sealed since its name was asked: it has its last
                    // name now
    return read_once(row);
  }

 private:
  Result<std::optional<std::string_view>> read_once(const Row& row) {
    if (!file_ || segment_ != row.segment) {
      segment_ = row.segment;
      TRY_ASSIGN(file_, index_.open(segment_));
    }
    text_.resize(row.length);
    TRY_ASSIGN(
        const size_t got,
        file_->read_at(row.offset, {reinterpret_cast<unsigned char*>(text_.data()), text_.size()}));
    const auto view = got == row.length ? read_line(text_) : std::nullopt;
    const bool same = view && view->seq == row.seq && line_hash(*view, hash_) == view->entry_hash;
    if (!same) return std::optional<std::string_view>();
    return std::optional<std::string_view>(text_);
  }

  const Index& index_;
  std::shared_ptr<const platform::ReadableFile> file_;
  uint32_t segment_ = 0;
  std::string text_;
  Sha256 hash_;
};

// Seqs rise already in a sound ledger. In a damaged one they may not, and pages go on by seq.
Index::Index(platform::FileSystem& files, platform::Path folder, Survey& survey)
    : files_(files),
      folder_(std::move(folder)),
      held_(std::move(survey.current)),
      held_segment_(survey.segments.size() - 1),
      rows_(std::move(survey.rows)) {
  if (!std::ranges::is_sorted(rows_, {}, &Row::seq)) std::ranges::stable_sort(rows_, {}, &Row::seq);
  for (const SegmentView& segment : survey.segments) segments_.push_back(segment.name);
}

void Index::add(const Row& row) {
  const std::lock_guard lock(mutex_);
  rows_.push_back(row);
  rows_.back().segment = static_cast<uint32_t>(segments_.size() - 1);
}

Result<std::string> Index::seal(const std::function<Result<std::string>()>& rename) {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(std::string name, rename());
  if (name.empty()) return name;
  segments_.back() = name;
  segments_.emplace_back(kCurrentSegment);
  return name;
}

void Index::take_up(std::shared_ptr<const platform::ReadableFile> current) {
  const std::lock_guard lock(mutex_);
  held_ = std::move(current);
  held_segment_ = segments_.size() - 1;
}

Result<std::shared_ptr<const platform::ReadableFile>> Index::open(uint32_t segment) const {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (held_ && segment == held_segment_) return held_;
    name = segments_[segment];
  }
  TRY_ASSIGN(auto file, files_.open_read(folder_ / name));
  return std::shared_ptr<const platform::ReadableFile>(std::move(file));
}

size_t Index::first_row(const Filter& filter) const {
  const std::lock_guard lock(mutex_);
  const auto found = filter.newest_first
                         ? std::ranges::lower_bound(rows_, filter.before_seq, {}, &Row::seq)
                         : std::ranges::upper_bound(rows_, filter.after_seq, {}, &Row::seq);
  return static_cast<size_t>(found - rows_.begin());
}

Index::Batch Index::batch(const Filter& filter, size_t from) const {
  const std::lock_guard lock(mutex_);
  Batch batch;
  size_t at = from;
  const auto left = [&] { return filter.newest_first ? at : rows_.size() - at; };
  for (size_t looked = 0; left() > 0 && looked < kLook && batch.rows.size() < kBatch; ++looked) {
    const Row& row = filter.newest_first ? rows_[--at] : rows_[at++];
    if (may_match(filter, row)) batch.rows.push_back(row);
  }
  batch.next = at;
  batch.more = left() > 0;
  return batch;
}

Result<> Index::walk(const Filter& filter, const VisitLine& visit,
                     const std::stop_token& stop) const {
  Lines lines(*this);
  Batch now{{}, true, first_row(filter)};
  while (now.more) {
    now = batch(filter, now.next);
    for (const Row& row : now.rows) {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
      TRY_ASSIGN(const auto line, lines.read(row));
      if (!line || !line_may_match(filter, *line)) continue;
      auto parsed = parse_json(*line, {.max_bytes = kMaxLine.count});
      if (!parsed || !parsed->is_object() || !matches(filter, parsed->get_object())) continue;
      if (!visit(row.seq, std::move(parsed->as_object()), line->size())) return {};
    }
  }
  return {};
}

Result<> Index::for_each(const Filter& filter, const Visit& visit,
                         const std::stop_token& stop) const {
  return walk(
      filter, [&](uint64_t, const json::object& entry, size_t) { return visit(entry); }, stop);
}

Result<Page> Index::page(const Filter& filter, const std::stop_token& stop) const {
  Page page;
  size_t bytes = 0;
  uint64_t last = 0;
  const size_t limit = std::clamp<size_t>(filter.limit, 1, 1000);
  TRY(walk(
      filter,
      [&](uint64_t seq, json::object entry, size_t size) {
        bytes += size;
        const bool full =
            page.entries.size() == limit || (bytes > kPageBytes.count && !page.entries.empty());
        if (full) {
          page.next_seq = last;
          return false;
        }
        page.entries.push_back(std::move(entry));
        last = seq;
        return true;
      },
      stop));
  return page;
}

}  // namespace vigie::ledger
