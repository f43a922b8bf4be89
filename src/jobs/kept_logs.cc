#include "jobs/kept_logs.h"

#include <zstd.h>

#include <algorithm>
#include <vector>

#include "base/hash.h"

namespace vigie::jobs {
namespace {

using platform::Path;

constexpr int kLevel = 9;
constexpr Bytes kMostPacked{kMostRunLog.count + 4096};  // of what cannot be compressed

bool is_missing(const Error& error) {
  return error.code() == ErrorCode::file_not_found;
}

std::string packed(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), kLevel));
  return out;
}

// Nothing when it is no log that was packed here.
std::optional<std::string> unpacked(std::string_view bytes) {
  const auto size = ZSTD_getFrameContentSize(bytes.data(), bytes.size());
  if (size > kMostRunLog.count) return std::nullopt;  // also an unknown one, and an error
  std::string out(size, '\0');
  const size_t got = ZSTD_decompress(out.data(), out.size(), bytes.data(), bytes.size());
  return ZSTD_isError(got) || got != size ? std::nullopt : std::optional(std::move(out));
}

// Nothing when it is not there.
Result<std::optional<std::string>> read_if_there(platform::FileSystem& files, const Path& path,
                                                 Bytes most) {
  auto text = platform::read_file(files, path, most);
  if (text) return std::optional(std::move(*text));
  if (is_missing(text.error())) return std::optional<std::string>();
  return fail(text.error());
}

Path packed_path(const Path& folder, const RunId& run) {
  return folder / (run.str() + ".jsonl.zst");
}

}  // namespace

bool is_run_name(const RunId& run) {
  return run.str().size() == 32 &&
         run.str().find_first_not_of("0123456789abcdef") == std::string::npos;
}

Path KeptLogs::path(const RunId& run) const {
  return packed_path(folder_, run);
}

Result<> KeptLogs::count() {
  if (size_) return {};
  TRY_ASSIGN(const auto entries, files_.list(folder_));
  Bytes all;
  for (const platform::Entry& one : entries) {
    TRY_ASSIGN(const auto info, files_.info(folder_ / one.name));
    all += info.size;
  }
  size_ = all;
  return {};
}

Result<> KeptLogs::make_room() {
  if (*size_ <= most_) return {};
  struct Aged {
    SystemTime modified;
    std::string name;
    Bytes size;
  };
  std::vector<Aged> all;
  TRY_ASSIGN(const auto entries, files_.list(folder_));
  for (const platform::Entry& one : entries) {
    TRY_ASSIGN(const auto info, files_.info(folder_ / one.name));
    all.push_back({info.modified, one.name, info.size});
  }
  std::ranges::sort(all, {}, &Aged::modified);
  for (const Aged& one : all) {
    if (*size_ <= most_) break;
    TRY(files_.remove_file(folder_ / one.name));
    *size_ = Bytes{size_->count - std::min(size_->count, one.size.count)};
  }
  return {};
}

Result<> KeptLogs::keep(const RunId& run, std::string_view log) {
  TRY(files_.create_folder(folder_, 0700));
  TRY(files_.sync_folder(folder_.parent_path()));
  TRY(count());
  const std::string bytes = packed(log);
  const auto written = platform::write_file_new(files_, path(run), bytes);
  // Of somebody who was killed before he had made its name durable, perhaps.
  if (!written && written.error().code() == ErrorCode::file_exists)
    return files_.sync_folder(folder_);
  TRY(Result<>(written));
  *size_ += Bytes{bytes.size()};
  return make_room();
}

Result<std::optional<std::string>> read_run_log(platform::FileSystem& files,
                                                const LogFolders& folders, const RunId& run) {
  if (!is_run_name(run)) return std::optional<std::string>();
  TRY_ASSIGN(auto recent,
             read_if_there(files, folders.recent / run.str() / "log.jsonl", kMostRunLog));
  if (recent) return recent;
  const Path path = packed_path(folders.kept, run);
  TRY_ASSIGN(const auto bytes, read_if_there(files, path, kMostPacked));
  if (!bytes) return std::optional<std::string>();
  auto text = unpacked(*bytes);
  if (text) return text;
  return fail(ErrorCode::file_corrupt,
              {{"path", path.string()}, {"reason", "it is no log that was kept"}});
}

bool holds_log(std::string_view log, Bytes bytes, std::string_view sha256) {
  return log.size() >= bytes.count && sha256_hex(log.substr(0, bytes.count)) == sha256;
}

Result<LogStanding> check_run_log(platform::FileSystem& files, const LogFolders& folders,
                                  const RunId& run, Bytes bytes, std::string_view sha256) {
  const auto text = read_run_log(files, folders, run);
  if (!text) {
    const bool other = text.error().code() == ErrorCode::file_corrupt ||
                       text.error().code() == ErrorCode::limit_exceeded;
    return other ? Result<LogStanding>(LogStanding::changed) : fail(text.error());
  }
  if (!*text) return LogStanding::missing;
  return holds_log(**text, bytes, sha256) ? LogStanding::same : LogStanding::changed;
}

}  // namespace vigie::jobs
