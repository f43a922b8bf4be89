#include "platform/version.h"

namespace vigie::platform {

std::string version() {
  return VIGIE_VERSION;
}

}  // namespace vigie::platform
