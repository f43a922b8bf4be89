#include "backup/clients.h"

#include <fmt/format.h>

#include <array>

namespace vigie::backup {

std::string client_package(int major) {
  return fmt::format("postgresql-client-{}", major);
}

Result<Clients> find_clients(platform::FileSystem& files, int major, const platform::Path& bindir) {
  const Clients clients{
      bindir.empty() ? platform::Path(fmt::format("/usr/lib/postgresql/{}/bin", major)) : bindir};
  for (const char* program : {"pg_dump", "pg_dumpall", "pg_restore", "psql"}) {
    if (files.info(clients.program(program))) continue;
    return fail(ErrorCode::client_missing, {{"version", fmt::format("{}", major)},
                                            {"command", program},
                                            {"package", client_package(major)}});
  }
  return clients;
}

}  // namespace vigie::backup
