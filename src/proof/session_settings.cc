#include "proof/session_settings.h"

namespace vigie::proof {
namespace {

constexpr std::string_view kUnhindered = R"sql(
set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0;
set default_transaction_read_only = off; set row_security = off;
select set_config(name, case name when 'event_triggers' then 'off' else '0' end, false) from pg_settings
where name = 'transaction_timeout'
   or name = 'event_triggers' and current_setting('is_superuser') = 'on')sql";

}  // namespace

Result<> free_session(platform::PgConnection& session, const artefact::Server& server,
                      const CallLimits& limits) {
  TRY(session.query(kUnhindered, limits));
  TRY(session.query(artefact::row_settings_sql(artefact::row_settings(server)), limits));
  return {};
}

}  // namespace vigie::proof
