// What must be found nowhere: a search through all that lies in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "tests/support/contents.h"

namespace vigie::testing {

// A file below `folder` in which these words stand; empty when there is none.
inline std::string file_that_holds(std::string_view words, const platform::Path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && contents(entry.path()).find(words) != std::string::npos)
      return entry.path().string();
  return "";
}

}  // namespace vigie::testing
