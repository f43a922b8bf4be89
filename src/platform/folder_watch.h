// Which files of one folder appeared, and which their writer has closed: by inotify, and by looking
// where inotify fell behind or is not to be had.
#pragma once

#include <string>
#include <vector>

#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::platform {

// One thread at a time.
class FolderWatch {
 public:
  struct Events {
    std::vector<std::string> created;  // may name a file that was told before
    std::vector<std::string> closed;   // its writer has closed it
    bool incomplete = false;           // events were lost: list the folder
  };

  // Watches from here on. Never fails: without inotify (or when `wanted` is false) each take() is
  // `incomplete`.
  explicit FolderWatch(const Path& folder, bool wanted = true);
  bool works() const { return bool{fd_}; }

  // What happened since the last call; does not wait. Whoever calls it at intervals gets many
  // events at once: waking up for each of thousands of small files costs more than they do.
  Events take();

 private:
  static void add(const char* begin, const char* end, Events& events);

  Descriptor fd_;
};

// Does some process have the file open for writing? True also when that cannot be told. Only for a
// file that we have not open ourselves, and that nobody opens for writing again.
bool may_have_writer(const Path& path);

}  // namespace vigie::platform
