#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

#include "platform/descriptor.h"

namespace vigie::testing {
namespace {

void must(bool done, const char* what) {
  if (!done) throw std::runtime_error(fmt::format("{}: {}", what, std::strerror(errno)));
}

// Once in a process: from then on its mounts, and those of the children started later, are its own.
bool leave_the_mounts_of_others() {
  static const bool done = ::unshare(CLONE_NEWNS) == 0 &&
                           ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
  return done;
}

}  // namespace

bool SmallDisk::possible() {
  return leave_the_mounts_of_others();
}

SmallDisk::SmallDisk(Bytes size) {
  must(possible(), "unshare");
  const std::string options = fmt::format("size={},mode=0700", size.count);
  must(::mount("tmpfs", folder_.path().c_str(), "tmpfs", 0, options.c_str()) == 0, "mount");
  std::filesystem::create_directory(folder_ / "inside");
  std::filesystem::permissions(folder_ / "inside", std::filesystem::perms::owner_all);
}

SmallDisk::~SmallDisk() {
  if (!where_.empty()) ::umount2(where_.c_str(), MNT_DETACH);
  ::umount2(folder_.path().c_str(), MNT_DETACH);
}

void SmallDisk::attach(const platform::Path& where) {
  std::filesystem::create_directory(where);
  must(::mount((folder_ / "inside").c_str(), where.c_str(), nullptr, MS_BIND, nullptr) == 0,
       "bind");
  where_ = where;
}

void SmallDisk::detach() {
  must(::umount2(where_.c_str(), MNT_DETACH) == 0, "umount");
  where_.clear();
}

void SmallDisk::read_only(bool on) const {
  const unsigned long flags = MS_REMOUNT | MS_BIND | (on ? MS_RDONLY : 0);
  must(::mount(nullptr, where_.c_str(), nullptr, flags, nullptr) == 0, "remount");
}

void SmallDisk::leave(Bytes left) const {
  give_back();
  const platform::Descriptor filler(
      ::open((folder_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  off_t size = 0;
  for (int error = ENOSPC; error == ENOSPC;) {  // somebody else may be quicker
    struct statvfs space {};
    must(::statvfs(folder_.path().c_str(), &space) == 0, "statvfs");
    const uint64_t free = space.f_bavail * space.f_frsize;
    if (free <= left.count) return;
    size += static_cast<off_t>(free - left.count);
    error = ::posix_fallocate(filler.get(), 0, size);
    if (error == ENOSPC) size -= static_cast<off_t>(free - left.count);
  }
}

void SmallDisk::give_back() const {
  std::filesystem::remove(folder_ / "filler");
}

}  // namespace vigie::testing
