// What a database or a role has set for every session must not hinder a comparison or a check.
#pragma once

#include "artefact/row_settings.h"
#include "platform/postgres.h"

namespace vigie::proof {

// No timeout of the server, no read-only by default, no event trigger (PostgreSQL 17, as a
// superuser), and the settings under which rows and times are said alike everywhere. Errors:
// database_*.
Result<> free_session(platform::PgConnection& session, const artefact::Server& server,
                      const CallLimits& limits);

}  // namespace vigie::proof
