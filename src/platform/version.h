// The release of this program, as CMakeLists.txt says.
#pragma once

#include <string>

namespace vigie::platform {

std::string version();

}  // namespace vigie::platform
