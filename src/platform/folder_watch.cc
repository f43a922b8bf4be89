#include "platform/folder_watch.h"

#include <fcntl.h>
#include <sys/inotify.h>

#include <array>
#include <csignal>
#include <cstring>

namespace vigie::platform {

FolderWatch::FolderWatch(const Path& folder, bool wanted) {
  if (wanted) fd_ = Descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (fd_ && ::inotify_add_watch(fd_.get(), folder.c_str(), IN_CREATE | IN_CLOSE_WRITE) < 0) {
    fd_ = Descriptor();
  }
}

FolderWatch::Events FolderWatch::take() {
  Events events;
  events.incomplete = !fd_;
  alignas(inotify_event) std::array<char, 16384> buffer;
  while (fd_) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    add(buffer.data(), buffer.data() + got, events);
  }
  return events;
}

void FolderWatch::add(const char* begin, const char* end, Events& events) {
  while (begin < end) {
    inotify_event event;
    std::memcpy(&event, begin, sizeof event);
    const char* const name = begin + sizeof event;
    if ((event.mask & IN_Q_OVERFLOW) != 0) events.incomplete = true;
    if (event.len > 0 && (event.mask & IN_CREATE) != 0) events.created.emplace_back(name);
    if (event.len > 0 && (event.mask & IN_CLOSE_WRITE) != 0) events.closed.emplace_back(name);
    begin = name + event.len;
  }
}

// A lease for reading is granted only while nobody has the file open for writing. Whoever breaks it
// sends us a signal, which must not be one that ends us.
bool may_have_writer(const Path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd || ::fcntl(fd.get(), F_SETSIG, SIGURG) != 0) return true;
  if (::fcntl(fd.get(), F_SETLEASE, F_RDLCK) != 0) return true;
  (void)::fcntl(fd.get(), F_SETLEASE, F_UNLCK);
  return false;
}

}  // namespace vigie::platform
