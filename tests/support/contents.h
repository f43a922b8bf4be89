#pragma once

#include <fstream>
#include <sstream>
#include <string>

#include "platform/file_system.h"

namespace vigie::testing {

// All that can be read of a file; of one in /proc its process may end meanwhile. Empty when there
// is none.
inline std::string contents(const platform::Path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return std::move(text).str();
}

}  // namespace vigie::testing
