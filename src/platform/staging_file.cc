#include "platform/staging_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <cerrno>

namespace vigie::platform {
namespace {

constexpr uint64_t kBlock = 4096;

}  // namespace

Result<StagingFile> StagingFile::open(const Path& path) {
  // Writable, since punching writes.
  Descriptor fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail(file_error(errno, path));
  return StagingFile(std::move(fd), path);
}

Result<size_t> StagingFile::read(std::span<unsigned char> into) {
  while (true) {
    const ssize_t got = ::pread(fd_.get(), into.data(), into.size(), static_cast<off_t>(position_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(file_error(errno, path_));
    position_ += static_cast<uint64_t>(got);
    return static_cast<size_t>(got);
  }
}

bool StagingFile::release() {
  const uint64_t end = position_ / kBlock * kBlock;
  if (end <= released_) return true;
  if (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  static_cast<off_t>(released_), static_cast<off_t>(end - released_)) != 0) {
    return false;
  }
  released_ = end;
  return true;
}

bool StagingFile::empty() {
  return ::ftruncate(fd_.get(), 0) == 0;
}

}  // namespace vigie::platform
