#include "platform/lock_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>

#include "base/time.h"

namespace vigie::platform {
namespace {

constexpr std::chrono::milliseconds kPatience{200};
constexpr std::chrono::milliseconds kBetweenTries{5};

Result<Descriptor> open_lock(const Path& path, int flags) {
  Descriptor fd(::open(path.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail(file_error(errno, path));
  return fd;
}

int written_pid(const Descriptor& fd) {
  std::array<char, 16> text{};
  const ssize_t got = ::pread(fd.get(), text.data(), text.size(), 0);
  int pid = 0;
  if (got > 0) std::from_chars(text.data(), text.data() + got, pid);
  return pid;
}

// Whoever asks who holds it has it for a moment himself.
bool lock_within(const Descriptor& fd, std::chrono::milliseconds patience) {
  const auto until = MonoTime::clock::now() + patience;
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return false;
    if (MonoTime::clock::now() >= until) {
      errno = EWOULDBLOCK;
      return false;
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
  return true;
}

}  // namespace

Result<LockFile> LockFile::acquire(const Path& path) {
  TRY_ASSIGN(Descriptor fd, open_lock(path, O_RDWR | O_CREAT));
  if (!lock_within(fd, kPatience)) {
    if (errno != EWOULDBLOCK) return fail(file_error(errno, path));
    return fail(ErrorCode::state_locked,
                {{"path", path.string()}, {"pid", std::to_string(written_pid(fd))}});
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd.get(), 0) != 0 ||
      ::pwrite(fd.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    // The lock counts, not what is written beside it; a full disk must not keep Vigie from running.
    if (errno != ENOSPC && errno != EDQUOT) return fail(file_error(errno, path));
  }
  return LockFile(std::move(fd));
}

Result<std::optional<int>> lock_holder(const Path& path) {
  auto fd = open_lock(path, O_RDONLY);
  if (!fd && fd.error().code() == ErrorCode::file_not_found) return std::nullopt;
  if (!fd) return fail(fd.error());
  if (::flock(fd->get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  if (errno != EWOULDBLOCK) return fail(file_error(errno, path));
  return written_pid(*fd);
}

}  // namespace vigie::platform
