// A folder for the scratch servers of drills.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include "tests/support/temp_folder.h"

namespace vigie::testing {

// Where the server's user may enter, also when this process is root.
class ScratchDir {
 public:
  ScratchDir() {
    ::chmod(folder_.path().c_str(), 0755);
    std::filesystem::create_directory(path());
  }
  std::filesystem::path path() const { return folder_ / "s"; }
  // Nothing is left of any drill but the locks of its folders.
  bool is_clean() const {
    for (const auto& entry : std::filesystem::directory_iterator(path()))
      if (entry.path().extension() != ".lock") return false;
    return true;
  }

 private:
  TempFolder folder_;
};

}  // namespace vigie::testing
