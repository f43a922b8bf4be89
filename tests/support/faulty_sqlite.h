// SQLite on a disk that is full or fails: a VFS over the system's own, the default one of this
// process while the object lives. Its files are those whose path begins with `root`; others are
// not harmed. Counts the calls that change a file (write, truncate, sync, growing the shared
// memory), so that a test can let each of them fail in turn, as with FaultyFileSystem.
//
// One object at a time. Connections that were opened before it go on without it; those opened
// while it lives must be closed before it ends.
#pragma once

#include <cstddef>
#include <memory>

#include "platform/file_system.h"
#include "tests/support/faulty_file_system.h"

namespace vigie::testing {

class FaultySqlite {
 public:
  explicit FaultySqlite(const platform::Path& root);
  ~FaultySqlite();
  FaultySqlite(const FaultySqlite&) = delete;
  FaultySqlite& operator=(const FaultySqlite&) = delete;

  size_t calls() const;  // so far; the next one has this number
  // Fault::disk_full fails writes, syncs and growth; Fault::io any counted call.
  void fail_once(size_t call, Fault fault);
  void fail_from(size_t call, Fault fault);
  void no_faults();
  size_t failed() const;  // how many calls failed by order

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace vigie::testing
