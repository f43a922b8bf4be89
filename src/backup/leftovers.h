// What a run that ended with its process may have left in PostgreSQL: sessions that carry its id.
#pragma once

#include <string>
#include <vector>

#include "base/ids.h"
#include "platform/postgres.h"

namespace vigie::backup {

// Ends every session of this role whose application_name carries one of `runs`; how many there
// were. Errors: database_*.
Result<int> end_sessions(platform::PgConnector& connector, const platform::Dsn& dsn,
                         const std::vector<RunId>& runs, const CallLimits& limits);

}  // namespace vigie::backup
