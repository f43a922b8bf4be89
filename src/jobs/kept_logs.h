// The logs of runs as evidence: what an entry of the ledger says of one is held against what is
// there, and the log of an older run is kept on, compressed. Format: docs/formats/run-log-1.md.
//
// Not thread-safe: one thread keeps.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "base/result.h"
#include "platform/file_system.h"

namespace vigie::jobs {

inline constexpr Bytes kMostRunLog = 256_KiB;
// Of all kept logs together; the oldest go first, and their entries keep the hash.
inline constexpr Bytes kMostKeptLogs = 256_MiB;

// Where the logs of a state folder lie.
struct LogFolders {
  platform::Path recent;  // <state>/runs: ID/log.jsonl
  platform::Path kept;    // <state>/run-logs: ID.jsonl.zst

  static LogFolders of(const platform::Path& state) { return {state / "runs", state / "run-logs"}; }
};

// An id comes from outside: only one that is a name may become a path.
bool is_run_name(const RunId& run);

class KeptLogs {
 public:
  KeptLogs(platform::FileSystem& files, platform::Path folder, Bytes most = kMostKeptLogs)
      : files_(files), folder_(std::move(folder)), most_(most) {}

  // Durable when it returns. One that is there stays.
  Result<> keep(const RunId& run, std::string_view log);

 private:
  platform::Path path(const RunId& run) const;
  Result<> count();
  Result<> make_room();

  platform::FileSystem& files_;
  const platform::Path folder_;
  const Bytes most_;
  std::optional<Bytes> size_;  // of all that are there; nothing: not counted yet
};

// The log of a run, wherever it lies now; nothing when it is not there any more. file_corrupt: it
// cannot be unpacked; those of files.
Result<std::optional<std::string>> read_run_log(platform::FileSystem& files,
                                                const LogFolders& folders, const RunId& run);

// The log begins with what an entry names.
bool holds_log(std::string_view log, Bytes bytes, std::string_view sha256);

// What an entry says of the log of its run: of its first `bytes`, when the entry was written.
enum class LogStanding : unsigned char { same, changed, missing };
Result<LogStanding> check_run_log(platform::FileSystem& files, const LogFolders& folders,
                                  const RunId& run, Bytes bytes, std::string_view sha256);

}  // namespace vigie::jobs
