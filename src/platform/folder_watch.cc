#include "platform/folder_watch.h"

#include <sys/inotify.h>

#include <array>
#include <cstring>

namespace vigie::platform {

FolderWatch::FolderWatch(const Path& folder) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
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

}  // namespace vigie::platform
