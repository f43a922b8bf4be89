#include "daemon/main.h"

#include <string_view>

#include "platform/process.h"

namespace vigie::daemon {

int run_main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "__supervise")
    return platform::supervise_main(argc - 2, argv + 2);
  return 2;
}

}  // namespace vigie::daemon
