// PostgreSQL by libpq: every call has a deadline and can be cancelled; errors carry SQLSTATE and
// never the server's text (it may hold row values).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "base/work.h"

namespace vigie::platform {

// Where a database is: a libpq connection string without a password, and the file that holds it
// (read again at each connection; see secret_file.h).
struct Dsn {
  std::string name;           // the name in vigie.yaml, for errors
  std::string text;           // "host=/run/postgresql dbname=app user=vigie"
  std::string password_file;  // empty: none
};

class PgRows {
 public:
  virtual ~PgRows() = default;
  virtual size_t rows() const = 0;
  virtual size_t columns() const = 0;
  // Text format. Empty for NULL; is_null tells. Lives as long as this object.
  virtual std::string_view at(size_t row, size_t column) const = 0;
  virtual bool is_null(size_t row, size_t column) const = 0;
  // An integer column; 0 when it is NULL or not a number.
  long long integer(size_t row, size_t column) const;
};

// One session. One thread at a time. Errors: database_query (with the parameter `sqlstate`),
// database_unreachable, database_missing, database_timeout, cancelled, limit_exceeded (an answer
// over 64 MiB). After each of them but database_query the session is over: what ran is cancelled on
// the server, and every further call is database_unreachable.
class PgConnection {
 public:
  virtual ~PgConnection() = default;
  // One or several statements without parameters; the rows of the last. Text in, text out.
  virtual Result<std::unique_ptr<PgRows>> query(std::string_view sql, const CallLimits& limits) = 0;
  virtual Result<std::unique_ptr<PgRows>> query(
      std::string_view sql, const std::vector<std::optional<std::string>>& parameters,
      const CallLimits& limits) = 0;
  // COPY … TO STDOUT: `sink` gets each row (one line with its newline) as it comes; false from it
  // ends the copy with `cancelled`.
  virtual Result<> copy_out(std::string_view sql, const std::function<bool(std::string_view)>& sink,
                            const CallLimits& limits) = 0;
  virtual int server_version() const = 0;  // 150018
  virtual int backend_pid() const = 0;
  // Empty when the server did not report it.
  virtual std::string parameter_status(std::string_view name) const = 0;
};

// Opens sessions; a seam, so that tests can refuse or delay one. Thread-safe.
class PgConnector {
 public:
  virtual ~PgConnector() = default;
  // `application_name` is cut at 63 bytes. Sets client_connection_check_interval where the server
  // knows it, and an empty search_path. Errors: database_unreachable, database_authentication,
  // database_missing, database_timeout, secret_*.
  virtual Result<std::unique_ptr<PgConnection>> connect(const Dsn& dsn,
                                                        std::string_view application_name,
                                                        const CallLimits& limits) = 0;
};

std::unique_ptr<PgConnector> make_pg_connector();

// The connection string's keywords, for handing to pg_dump by PG* environment variables and a
// private passfile (0600, in `folder`): a password is never in argv or the environment.
struct PgClientAccess {
  std::vector<std::pair<std::string, std::string>> environment;
  std::string
      conninfo;  // for --dbname: keepalives and tcp_user_timeout, which have no variable; or empty
};
Result<PgClientAccess> client_access(const Dsn& dsn, const std::string& folder,
                                     std::string_view application_name);

std::string quote_identifier(std::string_view name);  // "a""b"
std::string quote_literal(std::string_view text);     // 'a''b', E'' when it holds a backslash

}  // namespace vigie::platform
