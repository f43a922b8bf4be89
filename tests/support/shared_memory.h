// The System V segment by which a PostgreSQL server knows that its folder is in use.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/shm.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "platform/descriptor.h"

namespace vigie::testing {

// By the seventh line of the folder's postmaster.pid, "key id"; -1 when there is none.
inline int segment_of(const std::filesystem::path& data_folder) {
  std::ifstream file(data_folder / "postmaster.pid");
  std::string line;
  for (int i = 0; i < 7; ++i) std::getline(file, line);
  const size_t id = line.find_last_of(' ');
  return id == std::string::npos ? -1 : std::stoi(line.substr(id));
}

inline bool segment_is_there(int id) {
  shmid_ds found{};
  return ::shmctl(id, IPC_STAT, &found) == 0;
}

// What starts during the life of this object finds a machine whose segments are all taken: an IPC
// namespace of its own that may have none. Needs root: ask done(). One thread at a time.
class NoSegments {
 public:
  NoSegments() : before_(::open("/proc/self/ns/ipc", O_RDONLY | O_CLOEXEC)) {
    if (::unshare(CLONE_NEWIPC) != 0) return;
    std::ofstream limit("/proc/sys/kernel/shmmni");
    done_ = static_cast<bool>(limit << 0 << std::flush);
  }
  ~NoSegments() { (void)::setns(before_.get(), CLONE_NEWIPC); }
  NoSegments(const NoSegments&) = delete;
  NoSegments& operator=(const NoSegments&) = delete;
  bool done() const { return done_; }

 private:
  const platform::Descriptor before_;
  bool done_ = false;
};

}  // namespace vigie::testing
