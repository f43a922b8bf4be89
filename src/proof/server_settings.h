// How a server writes: read before a proof, since under some settings no proof can be green.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "platform/postgres.h"

namespace vigie::proof {

// The first of these under which a commit that is acknowledged need not be durable; empty: none.
std::string unsafe_setting(bool fsync, bool full_page_writes, std::string_view synchronous_commit);

// Which data a server holds. A text is empty where it could not be read.
struct ClusterIdentity {
  std::string system_identifier;
  std::string timeline;  // eight hexadecimal digits; a promotion begins another; standby: empty

  bool operator==(const ClusterIdentity&) const = default;
};

// Of two texts that may be empty: both are known, and differ.
bool differ(const std::string& before, const std::string& now);
// The second was not read from where the first had written: it is another server, or one that was
// promoted or restored to a moment since.
bool is_another(const ClusterIdentity& before, const ClusterIdentity& now);

struct ServerSettings {
  std::string version;
  ClusterIdentity cluster;
  std::string data_directory;  // empty where the role may not read it
  std::string started_at;      // the postmaster, in RFC 3339 to the microsecond
  bool on_this_host = false;   // by its unix socket: that alone is sure
  bool standby = false;        // what it holds another server has sent it
  std::string storage;         // "tmpfs", "nfs": what its data lies on, when that is unusual
  bool fsync = false;
  bool full_page_writes = false;
  bool checksums = false;
  std::string synchronous_commit;
  std::string wal_sync_method;
  // "role clerk: off": whose sessions are told that a commit is done before it is durable.
  std::vector<std::string> asynchronous;

  std::string what_is_unsafe() const {
    return unsafe_setting(fsync, full_page_writes, synchronous_commit);
  }
  // What is not as it should be, in words.
  std::vector<std::string> deviations() const;
  json::object to_json() const;
};

// Errors: database_*, cancelled.
Result<ServerSettings> read_server_settings(platform::PgConnection& session,
                                            const CallLimits& limits);

// The same, and what only another role of the server may read: where the data lies. `other` names
// any database of it, and is not asked when there is no need, nor waited for when it fails.
Result<ServerSettings> read_server_settings(platform::PgConnection& session,
                                            platform::PgConnector& postgres,
                                            const platform::Dsn& other, const CallLimits& limits);

}  // namespace vigie::proof
