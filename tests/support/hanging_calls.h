// A file system that hangs, as one over a network does when its server is gone: the calls of a
// process that touch a folder do not return until the test lets them. The kernel holds them
// (seccomp's notification to a supervisor): no mount, no root, and the real binary is none the
// wiser. A process that is killed meanwhile ends, as with NFS and FUSE.
//
// Held are calls that name a path (open, stat, statfs, mkdir, unlink, rmdir, rename) and those that
// make bytes durable (fsync, fdatasync); relative paths and links are not followed.
// Thread-safe, but for enter() and follow(). Outlives the processes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "platform/descriptor.h"
#include "platform/file_system.h"

struct seccomp_notif;

namespace vigie::testing {

class HangingCalls {
 public:
  static bool possible();  // the kernel and its supervisor let us

  HangingCalls();
  ~HangingCalls();  // lets everything go
  HangingCalls(const HangingCalls&) = delete;
  HangingCalls& operator=(const HangingCalls&) = delete;

  // In the child, between fork and exec: it and its children ask from then on. Then follow(), once,
  // in the parent. False: they do not.
  bool enter() const;
  bool follow();

  // What touches `folder`, or is in it, hangs from now on.
  void hang(const platform::Path& folder);
  void release();
  // How many calls hang, or have hung since the last hang(); waits for `wanted` for ten seconds.
  bool holds(size_t wanted);

 private:
  struct Held {
    int listener;
    uint64_t call;
    auto operator<=>(const Held&) const = default;
  };
  void serve(int listener, const std::stop_token& stop);
  void decide(int listener, const seccomp_notif& asked);
  bool concerns(const seccomp_notif& asked) const;

  platform::Descriptor ours_;  // for the listener, from child to parent
  platform::Descriptor theirs_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  platform::Path folder_;  // empty: nothing hangs; guarded by mutex_
  std::set<Held> held_;    // guarded by mutex_
  std::vector<platform::Descriptor> listeners_;
  std::vector<std::jthread> servers_;
};

}  // namespace vigie::testing
