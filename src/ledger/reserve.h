// Bytes put aside on the ledger's file system and given free when it is full, so that the entry
// that says so can still be written. One thread at a time.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "platform/file_system.h"

namespace vigie::ledger {

class Reserve {
 public:
  // Of `size`, in `folder`; 0: none is kept. Looks whether it is there. `files` must outlive it.
  Reserve(platform::FileSystem& files, platform::Path folder, Bytes size);

  bool ready() const { return ready_; }
  // Makes it when it is not there and three times as much is free; disk_full when not.
  Result<> make();
  // True when it was there and is given free.
  bool release();

 private:
  Result<> write(const platform::Path& path);

  platform::FileSystem& files_;
  const platform::Path folder_;
  const Bytes size_;
  bool ready_ = false;
};

}  // namespace vigie::ledger
