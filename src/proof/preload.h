// shared_preload_libraries as a server says it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vigie::proof {

// The names of libraries that a server finds by itself; paths, and whatever is no plain name, are
// left out. Pure.
std::vector<std::string> preload_libraries(std::string_view setting);

}  // namespace vigie::proof
