// A folder of the test's own, removed with everything in it.
#pragma once

#include "platform/file_system.h"

namespace vigie::testing {

class TempFolder {
 public:
  TempFolder();  // aborts the test binary when it cannot be made
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const platform::Path& path() const { return path_; }
  platform::Path operator/(std::string_view name) const { return path_ / name; }

 private:
  platform::Path path_;
};

}  // namespace vigie::testing
