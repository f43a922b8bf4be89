// A file that another program is still writing: its new bytes are read as they come, and given back
// to the file system when they are done with.
#pragma once

#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::platform {

// One thread at a time.
class StagingFile {
 public:
  static Result<StagingFile> open(const Path& path);

  // The bytes after those that were read so far, up to `into.size()`; 0: nothing new yet.
  Result<size_t> read(std::span<unsigned char> into);
  uint64_t position() const { return position_; }

  // Punches a hole over what was read and not punched yet, whole blocks only. False when the file
  // system cannot: then the bytes stay until the file is removed.
  bool release();
  // Empties the file, whose writer is done with it. Cheaper than removing it while others are being
  // made beside it: a file system may look through all that were just removed for each new one.
  bool empty();

 private:
  StagingFile(Descriptor fd, Path path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Descriptor fd_;
  Path path_;
  uint64_t position_ = 0;
  uint64_t released_ = 0;
};

}  // namespace vigie::platform
