#include "platform/failpoint.h"

#ifdef VIGIE_FAILPOINTS
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>

namespace vigie::platform {
namespace {

// name -> how many more times it is passed before it kills
std::map<std::string, int, std::less<>> parse(std::string_view text) {
  std::map<std::string, int, std::less<>> armed;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const size_t equals = one.find("=kill");
    if (equals == std::string_view::npos) continue;
    const size_t at = one.find('@', equals);
    armed[std::string(one.substr(0, equals))] =
        at == std::string_view::npos ? 1 : std::atoi(std::string(one.substr(at + 1)).c_str());
  }
  return armed;
}

}  // namespace

void failpoint(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, int, std::less<>> armed = [] {
    const char* text = std::getenv("VIGIE_FAILPOINTS");
    return parse(text == nullptr ? "" : text);
  }();
  const std::lock_guard lock(mutex);
  const auto found = armed.find(name);
  if (found != armed.end() && --found->second == 0) std::raise(SIGKILL);
}

}  // namespace vigie::platform
#endif
