#include "ledger/checkpoint_file.h"

#include <algorithm>

#include "ledger/segments.h"

namespace vigie::ledger {
namespace {

constexpr size_t kProblemsKept = 1000;

Sha256Digest digest_of(std::string_view hex) {
  Sha256Digest digest{};
  const auto bytes = hex_decode(hex);
  if (bytes && bytes->size() == digest.size()) std::ranges::copy(*bytes, digest.begin());
  return digest;
}

void take_line(CheckpointFile& file, const RawLine& raw) {
  const uint64_t before = file.chain.checkpoints();
  const std::string_view problem =
      file.chain.judge(raw.too_long ? std::string_view("too long") : raw.text);
  const bool is_point = file.chain.checkpoints() > before;
  const Checkpoint& newest = file.chain.newest();
  if (is_point) file.points.push_back({raw.number, newest.size, digest_of(newest.head)});
  if (!problem.empty()) file.problem(raw.number, is_point ? newest.size : 0, problem);
}

// Bytes behind the last line feed that no interrupted append has left stay where they are.
void take_open_line(CheckpointFile& file, uint64_t number) {
  file.problem(number, 0, file.chain.judge("?"));
  file.whole += file.torn;
  file.torn = {};
  file.open_line = true;
}

tl::unexpected<Error> too_many(uint64_t lines) {
  return fail(ErrorCode::limit_exceeded, {{"name", "lines of checkpoints.jsonl"},
                                          {"observed", std::to_string(lines)},
                                          {"limit", std::to_string(kMaxCheckpointLines)}});
}

}  // namespace

void CheckpointFile::problem(uint64_t line, uint64_t size, std::string_view what) {
  ++problem_count;
  if (problems.size() < kProblemsKept)
    problems.push_back({std::string(kCheckpointsName), line, size, std::string(what)});
}

Result<CheckpointFile> read_checkpoints(platform::FileSystem& files, const platform::Path& path,
                                        std::stop_token stop, Signatures signatures) {
  const auto file = files.open_read(path);
  if (file) return read_checkpoints(**file, std::move(stop), signatures);
  if (file.error().code() == ErrorCode::file_not_found) return CheckpointFile();
  return fail(file.error());
}

Result<CheckpointFile> read_checkpoints(const platform::ReadableFile& file, std::stop_token stop,
                                        Signatures signatures) {
  CheckpointFile out;
  out.chain = CheckpointChain(signatures);
  out.there = true;
  uint64_t lines = 0;
  const auto take = [&](const RawLine& raw) {
    if (++lines <= kMaxCheckpointLines) take_line(out, raw);
  };
  TRY_ASSIGN(const Scanned scanned, scan_lines(file, take, stop));
  if (lines > kMaxCheckpointLines) return too_many(lines);
  if (!out.chain.holds()) return read_checkpoints(file, stop, Signatures::every);
  out.whole = scanned.whole;
  out.torn = scanned.torn;
  const bool interrupted = scanned.torn.count == scanned.torn_text.size() &&
                           is_beginning_of_checkpoint(scanned.torn_text);
  if (scanned.torn.count > 0 && !interrupted) take_open_line(out, lines + 1);
  return out;
}

void CheckpointMatcher::match(uint64_t seq, std::string_view entry_hash) {
  const CheckpointPoint& point = file_.points[at_++];
  if (point.size < seq) return file_.problem(point.line, point.size, kNotThere);
  if (digest_of(entry_hash) != point.head)
    return file_.problem(point.line, point.size, kAnotherEntry);
  ++matched_;
}

void CheckpointMatcher::end() {
  for (; at_ < file_.points.size(); ++at_)
    file_.problem(file_.points[at_].line, file_.points[at_].size, kEndsBefore);
}

Result<> append_checkpoint(platform::FileSystem& files, const platform::Path& path, Bytes whole,
                           std::string_view line) {
  TRY_ASSIGN(const auto file, files.open_append(path, 0600));
  TRY_ASSIGN(const auto info, files.info(path));
  if (info.size < whole)
    return fail(ErrorCode::file_corrupt,
                {{"path", path.string()}, {"reason", "it is shorter than what was written"}});
  if (info.size > whole) {
    TRY(files.truncate(path, whole));
    TRY(file->sync());  // what is cut off must not come back behind a line that counts
  }
  TRY(file->append(as_bytes(line)));
  TRY(file->sync());
  TRY(files.sync_folder(path.parent_path()));
  return file->close();
}

}  // namespace vigie::ledger
