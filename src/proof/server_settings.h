// How a server writes: read before a proof, since under some settings no proof can be green.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "platform/postgres.h"

namespace vigie::proof {

struct ServerSettings {
  std::string version;
  std::string system_identifier;  // empty where the role may not read it, as data_directory
  std::string data_directory;
  std::string started_at;  // the postmaster
  bool fsync = false;
  bool full_page_writes = false;
  bool checksums = false;
  std::string synchronous_commit;
  std::string wal_sync_method;
  // "role clerk: off": whose sessions are told that a commit is done before it is durable.
  std::vector<std::string> asynchronous;

  json::object to_json() const;
};

// Errors: database_*, cancelled.
Result<ServerSettings> read_server_settings(platform::PgConnection& session,
                                            const CallLimits& limits);

}  // namespace vigie::proof
