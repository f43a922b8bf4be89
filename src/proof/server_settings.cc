#include "proof/server_settings.h"

#include "platform/file_system_kind.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kSettings = R"sql(
select current_setting('server_version'), 
       to_char(pg_postmaster_start_time() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       current_setting('fsync'), current_setting('full_page_writes'), current_setting('data_checksums'),
       current_setting('synchronous_commit'), current_setting('wal_sync_method'),
       inet_server_addr() is null, pg_is_in_recovery(),
       case when not pg_is_in_recovery() then left(pg_walfile_name(pg_current_wal_lsn()), 8) end,
       case when pg_has_role('pg_read_all_settings', 'usage') then current_setting('data_directory') end)sql";

constexpr std::string_view kIdentifier = "select system_identifier from pg_control_system()";

constexpr std::string_view kAsynchronous = R"sql(
select concat_ws(', ', 'role ' || r.rolname, 'database ' || d.datname) || ': ' || split_part(setting, '=', 2)
from pg_db_role_setting s
left join pg_roles r on r.oid = s.setrole
left join pg_database d on d.oid = s.setdatabase, unnest(s.setconfig) setting
where split_part(setting, '=', 1) = 'synchronous_commit' and split_part(setting, '=', 2) in ('off', 'local', 'false', 'no', '0')
order by 1 limit 100)sql";

}  // namespace

std::string unsafe_setting(bool fsync, bool full_page_writes, std::string_view synchronous_commit) {
  if (!fsync) return "fsync";
  if (!full_page_writes) return "full_page_writes";
  return synchronous_commit == "off" ? "synchronous_commit" : "";
}

bool differ(const std::string& before, const std::string& now) {
  return !before.empty() && !now.empty() && before != now;
}

bool is_another(const ClusterIdentity& before, const ClusterIdentity& now) {
  return differ(before.system_identifier, now.system_identifier) ||
         differ(before.timeline, now.timeline);
}

std::vector<std::string> ServerSettings::deviations() const {
  std::vector<std::string> words;
  if (!storage.empty()) words.push_back("the data lies on " + storage);
  if (!checksums) words.emplace_back("data checksums are off");
  if (synchronous_commit != "on") words.push_back("synchronous_commit is " + synchronous_commit);
  for (const std::string& who : asynchronous)
    words.push_back("synchronous_commit is set for " + who);
  return words;
}

json::object ServerSettings::to_json() const {
  return {{"server_version", version},
          {"system_identifier", cluster.system_identifier},
          {"timeline", cluster.timeline},
          {"postmaster_started_at", started_at},
          {"fsync", fsync},
          {"full_page_writes", full_page_writes},
          {"data_checksums", checksums},
          {"synchronous_commit", synchronous_commit},
          {"wal_sync_method", wal_sync_method},
          {"storage", storage.empty() ? json::value(nullptr) : json::value(storage)}};
}

Result<ServerSettings> read_server_settings(platform::PgConnection& session,
                                            const CallLimits& limits) {
  ServerSettings settings;
  TRY_ASSIGN(const auto rows, session.query(kSettings, limits));
  settings.version = rows->at(0, 0);
  settings.started_at = rows->at(0, 1);
  settings.fsync = rows->at(0, 2) == "on";
  settings.full_page_writes = rows->at(0, 3) == "on";
  settings.checksums = rows->at(0, 4) == "on";
  settings.synchronous_commit = rows->at(0, 5);
  settings.wal_sync_method = rows->at(0, 6);
  settings.on_this_host = rows->at(0, 7) == "t";
  settings.standby = rows->at(0, 8) == "t";
  settings.cluster.timeline = rows->at(0, 9);
  settings.data_directory = rows->at(0, 10);
  if (const auto identifier = session.query(kIdentifier, limits))
    settings.cluster.system_identifier = (*identifier)->at(0, 0);
  TRY_ASSIGN(const auto who, session.query(kAsynchronous, limits));
  for (size_t i = 0; i < who->rows(); ++i) settings.asynchronous.emplace_back(who->at(i, 0));
  return settings;
}

Result<ServerSettings> read_server_settings(platform::PgConnection& session,
                                            platform::PgConnector& postgres,
                                            const platform::Dsn& other, const CallLimits& limits) {
  TRY_ASSIGN(ServerSettings settings, read_server_settings(session, limits));
  if (settings.data_directory.empty()) {
    const auto second = postgres.connect(other, "vigie durability", limits);
    if (const auto seen = second ? read_server_settings(**second, limits)
                                 : Result<ServerSettings>(tl::unexpect, second.error()))
      settings.data_directory = seen->data_directory;
  }
  // Of a server elsewhere the path would be looked up on the wrong machine.
  if (settings.on_this_host && !settings.data_directory.empty())
    settings.storage = platform::unusual_file_system(settings.data_directory);
  return settings;
}

}  // namespace vigie::proof
