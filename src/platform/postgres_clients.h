// The client programs of a server's own major version: an archive of pg_dump 17 of a 15 server is
// refused by pg_restore 15, so each server is dumped, restored and drilled with its own.
#pragma once

#include <string>

#include "base/result.h"
#include "platform/file_system.h"
#include "platform/postgres.h"
#include "platform/process.h"

namespace vigie::platform {

// A folder that holds pg_dump, pg_dumpall, pg_restore and psql of one major version.
struct Clients {
  Path folder;
  Path program(std::string_view name) const { return folder / name; }
};

// Looks in `bindir` when it is set, else in /usr/lib/postgresql/MAJOR/bin. Error: client_missing.
Result<Clients> find_clients(FileSystem& files, int major, const Path& bindir);
// The same, where initdb and postgres must be as well. Error: client_missing, with the server's
// package, which brings the clients too.
Result<Clients> find_server(FileSystem& files, int major, const Path& bindir);

// What pg_dump says of itself: "pg_dump (PostgreSQL) 15.14". Errors: process_*.
Result<std::string> client_version(ProcessRunner& runner, const Clients& clients,
                                   const CallLimits& limits);
// The major version in it. Errors: also client_missing.
Result<int> client_major(ProcessRunner& runner, const Clients& clients, const CallLimits& limits);

// The package that brings them on Debian: "postgresql-client-15".
std::string client_package(int major);

}  // namespace vigie::platform
