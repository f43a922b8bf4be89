#include "proof/witness_log.h"

#include <fmt/format.h>

#include <charconv>

namespace vigie::proof {
namespace {

constexpr std::string_view kHead = "vigie.witness/1 ";
constexpr Bytes kMaxLog = 1_GiB;

template <class Number>
bool take(std::string_view& text, Number& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// "1 42"
std::optional<WitnessRow> parse_row(std::string_view line) {
  WitnessRow row;
  if (!take(line, row.writer) || !line.starts_with(' ')) return std::nullopt;
  line.remove_prefix(1);
  if (!take(line, row.seq) || !line.empty() || row.seq == 0) return std::nullopt;
  return row;
}

std::optional<std::string_view> take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
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

Result<> WitnessLog::acknowledge(WitnessRow row) {
  const std::string line = fmt::format("{} {}\n", row.writer, row.seq);
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
  const auto corrupt = [&](std::string reason) {
    return fail(ErrorCode::file_corrupt, {{"path", path.string()}, {"reason", std::move(reason)}});
  };
  std::string_view rest = text;
  const auto head = take_line(rest);
  if (!head || !head->starts_with(kHead)) return corrupt("it does not begin as a witness log");
  WitnessRecord record;
  record.key = head->substr(kHead.size());
  while (const auto line = take_line(rest)) {
    const auto row = parse_row(*line);
    if (!row) return corrupt("a line in it is none");
    record.acknowledged[row->writer].insert(row->seq);
  }
  for (const auto& [writer, seqs] : record.acknowledged) record.sent[writer] = *seqs.rbegin() + 1;
  return record;
}

}  // namespace vigie::proof
