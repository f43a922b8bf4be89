// A private PostgreSQL server for tests: its own data folder and unix socket in a folder of its
// own, no TCP. When the tests run as root, the server runs as the system user `postgres`. The
// server's processes end with this object, and also when the test binary is killed. What initdb
// made is kept as a template for the life of the test binary, so that a second cluster costs a
// copy. Its programs are those of pg_bindir(): another major version is tested by ./run
// test-majors.
//
// Every method throws std::runtime_error when the server does not do what it must; GoogleTest shows
// that as a failed test. One thread at a time, except signal_backends and dsn.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "platform/postgres.h"
#include "platform/process.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

// The folder of PostgreSQL's programs: what VIGIE_TEST_PG_BINDIR names, else those of Debian 12.
platform::Path pg_bindir();
// The line of vigie.yaml that makes Vigie use that folder as well; empty for Debian's own, which
// Vigie has to find by itself.
std::string bindir_line();

struct PgClusterOptions {
  bool fsync = false;  // true: fsync, full_page_writes and synchronous_commit stay on
  std::string authentication = "trust";  // of every role but the superuser: "scram-sha-256" …
  std::vector<std::pair<std::string, std::string>> settings{};  // more for postgresql.conf
  // Made by an initdb of its own: the others of this binary have one system identifier.
  bool own_identity = false;
};

enum class PgStop : unsigned char { smart, fast, immediate };

class PgCluster {
 public:
  // Makes the data folder and starts the server.
  explicit PgCluster(PgClusterOptions options = {});
  ~PgCluster();
  PgCluster(const PgCluster&) = delete;
  PgCluster& operator=(const PgCluster&) = delete;

  void start();  // waits until it accepts connections
  void stop(PgStop mode = PgStop::fast);
  void kill9();  // the postmaster and all its children, at once
  void reap();   // somebody else has ended it, or does: returns when it is gone
  bool running() const;
  // One line of SQL by a server that nobody else can reach; only while none runs.
  void execute_alone(std::string_view sql, std::string_view database = "postgres");

  // "host=/tmp/… port=5432 dbname=… user=…". The superuser is `postgres`, without a password.
  std::string dsn(std::string_view database = "postgres", std::string_view user = "postgres") const;
  platform::Dsn named_dsn(std::string_view database = "postgres",
                          std::string_view user = "postgres") const;

  // One or several statements as the superuser.
  void execute(std::string_view sql, std::string_view database = "postgres");
  // The first column of the first row; empty for NULL or no row.
  std::string value(std::string_view sql, std::string_view database = "postgres");
  void create_database(std::string_view name);
  // LOGIN, with `attributes` ("CREATEDB BYPASSRLS") and a password unless it is empty.
  void create_role(std::string_view name, std::string_view attributes = "",
                   std::string_view password = "");

  // Another's session that keeps a table of the schema public for itself, until it ends.
  std::unique_ptr<platform::PgConnection> lock_table(std::string_view table,
                                                     std::string_view database = "postgres");
  // Whether a session comes to wait for a lock, within a minute.
  bool somebody_waits();

  int major() const;  // 15
  int postmaster_pid() const;
  void signal_postmaster(int signal) const;
  // Every client backend whose application_name starts with `prefix`; how many there were.
  int signal_backends(std::string_view prefix, int signal);

  platform::Path socket_folder() const { return folder_.path(); }
  platform::Path data_folder() const { return folder_ / "data"; }
  platform::Path log_file() const { return folder_ / "log"; }
  platform::Path bindir() const { return pg_bindir(); }  // its pg_dump, pg_restore, psql …

 private:
  PgClusterOptions options_;
  TempFolder folder_;
  std::unique_ptr<platform::ProcessRunner> runner_;
  std::unique_ptr<platform::Process> server_;  // the supervised postmaster; null when stopped
};

}  // namespace vigie::testing
