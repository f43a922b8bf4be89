// A real file system of a few megabytes that can be full, read-only or gone: a tmpfs, in a mount
// namespace of the test binary's own, so that nothing is left mounted however the test ends.
// Needs root: ask possible() first. One thread at a time.
#pragma once

#include "base/bytes.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

class SmallDisk {
 public:
  static bool possible();

  explicit SmallDisk(Bytes size);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // The disk's folder appears at `where`, which is made when it is missing.
  void attach(const platform::Path& where);
  // As when a cable is pulled: what is open stays open, the path leads to what lay below.
  void detach();
  void read_only(bool on) const;
  // Takes all space but `left`; a second call changes that.
  void leave(Bytes left) const;
  void give_back() const;

 private:
  TempFolder folder_;
  platform::Path where_;  // empty: not attached
};

}  // namespace vigie::testing
