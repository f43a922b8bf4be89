#include "platform/postgres_clients.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <span>

#include "platform/process_output.h"

namespace vigie::platform {
namespace {

constexpr std::array<const char*, 4> kClients{"pg_dump", "pg_dumpall", "pg_restore", "psql"};
constexpr std::array<const char*, 2> kServer{"initdb", "postgres"};

Result<> find_programs(FileSystem& files, const Clients& where, std::span<const char* const> names,
                       int major, const std::string& package) {
  for (const char* name : names) {
    if (files.info(where.program(name))) continue;
    return fail(ErrorCode::client_missing,
                {{"version", fmt::format("{}", major)}, {"command", name}, {"package", package}});
  }
  return {};
}

Clients in_folder(int major, const Path& bindir) {
  if (!bindir.empty()) return {bindir};
  return {Path(fmt::format("/usr/lib/postgresql/{}/bin", major))};
}

}  // namespace

std::string client_package(int major) {
  return fmt::format("postgresql-client-{}", major);
}

Result<Clients> find_clients(FileSystem& files, int major, const Path& bindir) {
  Clients clients = in_folder(major, bindir);
  TRY(find_programs(files, clients, kClients, major, client_package(major)));
  return clients;
}

Result<Clients> find_server(FileSystem& files, int major, const Path& bindir) {
  Clients server = in_folder(major, bindir);
  const std::string package = fmt::format("postgresql-{}", major);
  TRY(find_programs(files, server, kServer, major, package));
  TRY(find_programs(files, server, kClients, major, package));
  return server;
}

Result<std::string> client_version(ProcessRunner& runner, const Clients& clients,
                                   const CallLimits& limits) {
  Command command;
  command.program = clients.program("pg_dump");
  command.arguments = {"--version"};
  TRY_ASSIGN(const auto text, run_for_text(runner, command, 64_KiB, limits.deadline, limits.stop));
  return printable(text.output.substr(0, text.output.find('\n')), 200);
}

// "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
Result<int> client_major(ProcessRunner& runner, const Clients& clients, const CallLimits& limits) {
  TRY_ASSIGN(const std::string text, client_version(runner, clients, limits));
  const size_t at = text.find(") ");
  int major = 0;
  if (at != std::string::npos)
    std::from_chars(text.data() + at + 2, text.data() + text.size(), major);
  if (major == 0) {
    return fail(ErrorCode::client_missing,
                {{"version", "?"}, {"command", "pg_dump"}, {"package", "postgresql-client"}});
  }
  return major;
}

}  // namespace vigie::platform
