// The log of acknowledged rows, outside the server that is proved: a row counts when its line is
// durable. Format: docs/formats/witness-1.md.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "platform/file_system.h"
#include "proof/witness.h"

namespace vigie::proof {

// Thread-safe.
class WitnessLog {
 public:
  // Durable when it returns. Error: file_exists.
  static Result<std::unique_ptr<WitnessLog>> create(platform::FileSystem& files,
                                                    const platform::Path& path,
                                                    std::string_view key);
  // Durable when it returns. After an error nothing more is taken.
  Result<> acknowledge(WitnessRow row);

 private:
  explicit WitnessLog(std::unique_ptr<platform::WritableFile> file) : file_(std::move(file)) {}
  std::mutex mutex_;
  std::unique_ptr<platform::WritableFile> file_;  // guarded by mutex_; null after an error
};

// A line that is cut off at its end never counted. `sent` is one more than what was acknowledged of
// a writer: so many it can have sent. Errors: file_*, file_corrupt.
Result<WitnessRecord> read_witness_log(platform::FileSystem& files, const platform::Path& path);

}  // namespace vigie::proof
