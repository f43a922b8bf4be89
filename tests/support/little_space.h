// A real file system that says it has little space left, whatever it has.
#pragma once

#include "platform/file_system.h"

namespace vigie::testing {

// Says the same of every path.
class LittleSpace final : public platform::ForwardingFileSystem {
 public:
  explicit LittleSpace(platform::Space space)
      : ForwardingFileSystem(platform::real_file_system()), space_(space) {}
  Result<platform::Space> space(const platform::Path&) override { return space_; }

 private:
  const platform::Space space_;
};

}  // namespace vigie::testing
