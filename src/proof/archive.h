// An unpacked archive of pg_dump (directory format), and what the stock pg_restore says of it and
// does with it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/work.h"
#include "platform/postgres.h"
#include "platform/postgres_clients.h"
#include "platform/process.h"

namespace vigie::proof {

// One line of `pg_restore --list`: "3456; 0 16394 TABLE DATA public orders app".
struct ArchiveEntry {
  int id = 0;             // 3456
  std::string_view what;  // "TABLE DATA public orders app"
  std::string_view line;

  // DATABASE itself, its properties, and rights, comments and labels on it: what pg_restore leaves
  // out unless it is to create the database.
  bool speaks_of_database() const;
};
// In the archive's order, which is that of a restore. Views into `list`; comments and what is no
// entry are left out.
std::vector<ArchiveEntry> parse_archive_list(std::string_view list);

struct Archive {
  platform::Path folder;       // toc.dat and the data, raw
  platform::Path work_folder;  // for what is handed to pg_restore; 0700
  platform::Clients clients;
};

struct RestoreOptions {
  unsigned jobs = 2;
  bool owners = true;      // owners and rights too
  bool superuser = false;  // the role that restores: it lacks no right
  int server_version = 0;  // 150014
  std::string use_list{};  // lines of entries; empty: all but the database's own
  std::string application_name{};
};

// What an archive sets a sequence to: setval('public.orders_id_seq', 42, true).
struct SequenceValue {
  std::string name;  // as SQL writes it: quoted where it must be
  std::string value;
  bool called = false;
};
// Of a script of such calls; what is none is left out. Pure.
std::vector<SequenceValue> parse_sequence_values(std::string_view script);

// All of it from one thread. Errors: process_*, cancelled, deadline_exceeded, limit_exceeded,
// restore_failed and what pg_restore's words say (restore_role_missing, restore_rights,
// restore_environment, database_unreachable).
Result<std::string> archive_list(const Archive& archive, platform::ProcessRunner& runner,
                                 const BackupId& id, const Work& work);
// The SQL of the entries that speak of the database, CREATE DATABASE first.
Result<std::string> database_sql(const Archive& archive, std::string_view list,
                                 platform::ProcessRunner& runner, const BackupId& id,
                                 const Work& work);
Result<std::vector<SequenceValue>> sequence_values(const Archive& archive, std::string_view list,
                                                   platform::ProcessRunner& runner,
                                                   const BackupId& id, const Work& work);
// Into `database`, which is empty, and on the server that `dsn` reaches.
Result<> restore_into(const Archive& archive, const platform::Dsn& dsn,
                      const RestoreOptions& options, platform::ProcessRunner& runner,
                      const BackupId& id, const Work& work);

}  // namespace vigie::proof
