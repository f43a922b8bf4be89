#include "proof/preload.h"

#include <algorithm>
#include <cctype>

namespace vigie::proof {
namespace {

bool is_plain(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '-';
  });
}

}  // namespace

std::vector<std::string> preload_libraries(std::string_view setting) {
  std::vector<std::string> names;
  while (!setting.empty()) {
    const size_t end = std::min(setting.find(','), setting.size());
    std::string name(setting.substr(0, end));
    setting.remove_prefix(std::min(end + 1, setting.size()));
    std::erase_if(name, [](char c) { return c == ' ' || c == '"'; });
    if (is_plain(name)) names.push_back(std::move(name));
  }
  return names;
}

}  // namespace vigie::proof
