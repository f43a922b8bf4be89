#include "proof/witness_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace vigie::proof {
namespace {

constexpr std::string_view kHead = "vigie.witness/1 ";
constexpr std::string_view kUnanswered = "? ";
constexpr Bytes kMaxLog = 1_GiB;

template <class Number>
bool take(std::string_view& text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

struct Line {
  WitnessRow row;
  std::optional<SystemTime> at;
};

// "1 42", "1 42 2026-11-20T02:00:00Z"
std::optional<Line> parse_line(std::string_view text) {
  Line line;
  if (!take(text, line.row.writer) || !text.starts_with(' ')) return std::nullopt;
  text.remove_prefix(1);
  if (!take(text, line.row.seq) || line.row.seq == 0) return std::nullopt;
  if (text.empty()) return line;
  const auto at = parse_rfc3339(text.substr(1));
  if (!text.starts_with(' ') || !at) return std::nullopt;
  line.at = *at;
  return line;
}

std::optional<std::string_view> take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

struct Content {
  WitnessRecord record;
  std::optional<SystemTime> last_at;
};

Result<Content> parse_log(std::string_view text, const platform::Path& path) {
  const auto corrupt = [&](std::string reason) {
    return fail(ErrorCode::file_corrupt, {{"path", path.string()}, {"reason", std::move(reason)}});
  };
  const auto head = take_line(text);
  if (!head || !head->starts_with(kHead)) return corrupt("it does not begin as a witness log");
  Content content;
  WitnessRecord& record = content.record;
  record.key = head->substr(kHead.size());
  while (auto line = take_line(text)) {
    const bool answered = !line->starts_with(kUnanswered);
    if (!answered) line->remove_prefix(kUnanswered.size());
    const auto parsed = parse_line(*line);
    if (!parsed) return corrupt("a line in it is none");
    const WitnessRow& row = parsed->row;
    if (answered) record.acknowledged[row.writer].insert(row.seq);
    if (answered) content.last_at = parsed->at;
    auto& sent = record.sent[row.writer];
    sent = std::max(sent, row.seq + 1);
  }
  return content;
}

}  // namespace

Result<std::unique_ptr<WitnessLog>> WitnessLog::create(platform::FileSystem& files,
                                                       const platform::Path& path,
                                                       std::string_view key) {
  TRY_ASSIGN(auto file, files.create(path));
  const std::string head = fmt::format("{}{}\n", kHead, key);
  TRY(file->append(as_bytes(head)));
  TRY(file->sync());
  TRY(files.sync_folder(path.parent_path()));
  return std::unique_ptr<WitnessLog>(new WitnessLog(std::move(file)));
}

Result<ResumedLog> WitnessLog::resume(platform::FileSystem& files, const platform::Path& path,
                                      uint32_t writer) {
  TRY_ASSIGN(const std::string text, platform::read_file(files, path, kMaxLog));
  TRY_ASSIGN(Content content, parse_log(text, path));
  TRY(files.truncate(path, {text.rfind('\n') + 1}));
  TRY_ASSIGN(auto file, files.open_append(path));
  ResumedLog resumed{std::unique_ptr<WitnessLog>(new WitnessLog(std::move(file))),
                     std::move(content.record), content.last_at};
  auto& sent = resumed.record.sent[writer];
  sent = std::max<uint64_t>(sent, 1);
  TRY(resumed.log->unanswered({writer, sent}));
  return resumed;
}

Result<> WitnessLog::acknowledge(WitnessRow row, std::optional<SystemTime> at) {
  const std::string when = at ? " " + format_rfc3339(*at) : std::string();
  return append(fmt::format("{} {}{}\n", row.writer, row.seq, when));
}

Result<> WitnessLog::unanswered(WitnessRow row) {
  return append(fmt::format("{}{} {}\n", kUnanswered, row.writer, row.seq));
}

Result<> WitnessLog::append(const std::string& line) {
  const std::lock_guard lock(mutex_);
  if (!file_)
    return fail(ErrorCode::file_io, {{"path", "the witness log"}, {"reason", "it failed before"}});
  auto written = file_->append(as_bytes(line));
  if (written) written = file_->sync();
  if (!written) file_.reset();
  return written;
}

Result<WitnessRecord> read_witness_log(platform::FileSystem& files, const platform::Path& path) {
  TRY_ASSIGN(const std::string text, platform::read_file(files, path, kMaxLog));
  TRY_ASSIGN(Content content, parse_log(text, path));
  return std::move(content.record);
}

}  // namespace vigie::proof
