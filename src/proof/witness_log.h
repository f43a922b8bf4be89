// The log of acknowledged rows, outside the server that is proved: a row counts when its line is
// durable. Format: docs/formats/witness-1.md.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/time.h"
#include "platform/file_system.h"
#include "proof/witness.h"

namespace vigie::proof {

struct ResumedLog;

// Thread-safe.
class WitnessLog {
 public:
  // Durable when it returns. Error: file_exists.
  static Result<std::unique_ptr<WitnessLog>> create(platform::FileSystem& files,
                                                    const platform::Path& path,
                                                    std::string_view key);
  // Goes on with a log whose process has ended: what its one writer may have had in flight is
  // unanswered. Errors: file_*, file_corrupt.
  static Result<ResumedLog> resume(platform::FileSystem& files, const platform::Path& path,
                                   uint32_t writer);
  // Durable when it returns. After an error nothing more is taken. `at`: when it was, where that is
  // to be known.
  Result<> acknowledge(WitnessRow row, std::optional<SystemTime> at = {});
  // The same for a row whose answer never came: its number is not used again.
  Result<> unanswered(WitnessRow row);

 private:
  explicit WitnessLog(std::unique_ptr<platform::WritableFile> file) : file_(std::move(file)) {}
  Result<> append(const std::string& line);

  std::mutex mutex_;
  std::unique_ptr<platform::WritableFile> file_;  // guarded by mutex_; null after an error
};

struct ResumedLog {
  std::unique_ptr<WitnessLog> log;
  WitnessRecord record;
  std::optional<SystemTime> last_at;  // when the last row was acknowledged, if that is noted
};

// A line that is cut off at its end never counted. `sent` is one more than the highest number of a
// writer: so many it can have sent. Errors: file_*, file_corrupt.
Result<WitnessRecord> read_witness_log(platform::FileSystem& files, const platform::Path& path);

}  // namespace vigie::proof
