// One libpq session that never blocks. Private to the PostgreSQL client.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>

#include "platform/postgres.h"
#include "platform/wait.h"

namespace vigie::platform {

struct FinishConnection {
  void operator()(PGconn* connection) const { ::PQfinish(connection); }
};
using PgHandle = std::unique_ptr<PGconn, FinishConnection>;

struct ClearResult {
  void operator()(PGresult* result) const { ::PQclear(result); }
};
using PgResultHandle = std::unique_ptr<PGresult, ClearResult>;

// A connection that was made, still in libpq's blocking mode.
std::unique_ptr<PgConnection> make_pg_session(PgHandle connection, std::string database);

}  // namespace vigie::platform
