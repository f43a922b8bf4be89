// The end of the current segment: appends lines durably, cuts back what failed, seals. One thread
// at a time.
//
// After a failure the file may hold bytes that do not count. They are cut off, and the cut is
// synced, before anything is written again: a line that was not acknowledged can never stand
// before one that was.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/file_system.h"

namespace vigie::ledger {

class Tail {
 public:
  // The current segment of `folder` has `size` bytes of whole lines; the next to be sealed becomes
  // number `last_number` + 1. `files` must outlive it.
  Tail(platform::FileSystem& files, platform::Path folder, Bytes size, uint64_t last_number);

  Bytes size() const { return size_; }
  // False: somebody has cut the file, or taken it away, or written to it. True also when the disk
  // does not say: what is tried next will.
  bool as_written() const;
  // Brings the file to its whole lines, and makes them and its name durable.
  Result<> repair();
  // Durable when it returns.
  Result<> append(std::string_view line);
  // The current segment, when it holds anything, gets the next number; its new name, or an empty
  // one. The name is durable before the next line counts.
  Result<std::string> seal();

 private:
  Result<> cut_back();

  platform::FileSystem& files_;
  const platform::Path folder_;
  const platform::Path path_;
  Bytes size_;            // of the lines that count
  uint64_t last_number_;  // of the sealed segments
  std::unique_ptr<platform::WritableFile> file_;
  bool dirty_ = true;            // the file may hold more, or what is not durable
  bool name_durable_ = false;    // of the current segment
  bool folder_durable_ = false;  // the name of the folder itself
};

}  // namespace vigie::ledger
