#include "tests/support/temp_folder.h"

#include <cstdlib>

namespace vigie::testing {

TempFolder::TempFolder() {
  // Short: unix socket names hold 107 bytes.
  const char* parent = std::getenv("TMPDIR");
  std::string name = std::string(parent == nullptr ? "/tmp" : parent) + "/vigie.XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace vigie::testing
