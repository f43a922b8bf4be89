#include "proof/server_settings.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kSettings = R"sql(
select current_setting('server_version'), pg_postmaster_start_time()::text,
       current_setting('fsync'), current_setting('full_page_writes'), current_setting('data_checksums'),
       current_setting('synchronous_commit'), current_setting('wal_sync_method'),
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

json::object ServerSettings::to_json() const {
  return {{"server_version", version},
          {"system_identifier", system_identifier},
          {"postmaster_started_at", started_at},
          {"fsync", fsync},
          {"full_page_writes", full_page_writes},
          {"data_checksums", checksums},
          {"synchronous_commit", synchronous_commit},
          {"wal_sync_method", wal_sync_method}};
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
  settings.data_directory = rows->at(0, 7);
  if (const auto identifier = session.query(kIdentifier, limits))
    settings.system_identifier = (*identifier)->at(0, 0);
  TRY_ASSIGN(const auto who, session.query(kAsynchronous, limits));
  for (size_t i = 0; i < who->rows(); ++i) settings.asynchronous.emplace_back(who->at(i, 0));
  return settings;
}

}  // namespace vigie::proof
