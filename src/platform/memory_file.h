// A secret as a file that a child can read by its path, and that lies on no disk but swap: memory
// behind a descriptor (memfd_create(2)), reached through /proc. Gone when the object is.
#pragma once

#include "base/result.h"
#include "base/secret.h"
#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::platform {

class MemoryFile {
 public:
  // Error: file_io.
  static Result<MemoryFile> make(const Secret& content);
  // For children of this process, of the same user, and only while the object lives.
  Path path() const;

 private:
  explicit MemoryFile(Descriptor fd) : fd_(std::move(fd)) {}
  Descriptor fd_;
};

}  // namespace vigie::platform
