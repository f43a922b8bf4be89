// What each run did, step by step, for whoever asks why it went as it did:
// <state>/runs/ID/log.jsonl, 0600, lines as in the daemon's log (platform/log.h), redacted in the
// same way. At most kMostRunLog bytes a run, and the newest kRunLogs runs; those of older ones are
// kept on compressed (kept_logs.h). The format is docs/formats/run-log-1.md.
//
// What cannot be written is lost, and is synced only when evidence names it. Thread-safe.
#pragma once

#include <mutex>
#include <optional>

#include "base/ids.h"
#include "jobs/kept_logs.h"
#include "platform/file_system.h"
#include "platform/log.h"

namespace vigie::jobs {

inline constexpr size_t kRunLogs = 500;

// The beginning of a log, as evidence names it.
struct LogDigest {
  Bytes bytes;
  std::string sha256;
};

class RunLogs {
 public:
  // `folder` is <state>/runs; it is made with the first log. All outlive this.
  RunLogs(platform::FileSystem& files, platform::Path folder, const platform::Clock& clock,
          const platform::Scrubber& scrubber);

  void write(const RunId& run, platform::LogLevel level, std::string_view event,
             std::string_view message, std::initializer_list<platform::LogField> fields = {});
  // Nothing when the run has none.
  std::optional<platform::Path> find(const RunId& run) const;
  // What the run has logged so far, durable when it returns; nothing when that is nothing, or
  // cannot be read.
  std::optional<LogDigest> digest(const RunId& run);
  // Keeps those of older runs compressed. Cheap when there are none; one thread.
  Result<> retain(size_t keep = kRunLogs);

 private:
  platform::Path path(const RunId& run) const { return folder_ / run.str() / "log.jsonl"; }
  Result<LogDigest> digest_of(const RunId& run);
  Result<> put_away(const RunId& run);
  Result<> append(const RunId& run, std::string_view line);

  platform::FileSystem& files_;
  const platform::Path folder_;
  const platform::Clock& clock_;
  const platform::Scrubber& scrubber_;
  KeptLogs kept_;     // of the thread that retains
  std::mutex mutex_;  // one line at a time, so that the bound holds
};

}  // namespace vigie::jobs
