#include "backup/leftovers.h"

namespace vigie::backup {
namespace {

constexpr std::string_view kEnd = R"sql(
select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity
where usename = current_user and pid <> pg_backend_pid()
  and application_name = any(array[$1, 'vigie ' || $1]))sql";

}  // namespace

Result<int> end_sessions(platform::PgConnector& connector, const platform::Dsn& dsn,
                         const std::vector<RunId>& runs, const CallLimits& limits) {
  if (runs.empty()) return 0;
  TRY_ASSIGN(const auto session, connector.connect(dsn, "vigie leftovers", limits));
  int ended = 0;
  for (const RunId& run : runs) {
    TRY_ASSIGN(const auto rows, session->query(kEnd, {run.str()}, limits));
    ended += static_cast<int>(rows->integer(0, 0));
  }
  return ended;
}

}  // namespace vigie::backup
