// The one writer of a state folder: flock on a file that holds the writer's process id. The lock
// ends with the process, however it ends; the file stays.
#pragma once

#include <optional>

#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::platform {

class LockFile {
 public:
  // Waits 200 ms at most: whoever asks lock_holder has it for a moment. Errors: state_locked (with
  // the holder's pid), file_*.
  static Result<LockFile> acquire(const Path& path);

 private:
  explicit LockFile(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
};

// The process that holds the lock; nothing when it is free. A holder that has not written its id
// yet is 0.
Result<std::optional<int>> lock_holder(const Path& path);

}  // namespace vigie::platform
