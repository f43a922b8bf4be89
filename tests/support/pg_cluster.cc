#include "tests/support/pg_cluster.h"

#include <fcntl.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <fstream>
#include <iterator>
#include <mutex>
#include <stdexcept>

#include "platform/descriptor.h"
#include "platform/postmaster.h"

namespace vigie::testing {
namespace {

using platform::Command;
using platform::Path;
using namespace std::chrono_literals;

constexpr const char* kServerUser = "postgres";
constexpr const char* kDebianBindir = "/usr/lib/postgresql/15/bin";
constexpr const char* kBindirVariable = "VIGIE_TEST_PG_BINDIR";

MonoTime in(std::chrono::seconds time) {
  return MonoTime::clock::now() + time;
}

[[noreturn]] void give_up(const std::string& what) {
  throw std::runtime_error("PgCluster: " + what);
}

// PostgreSQL refuses to run as root.
Command as_server_user(const Path& program, std::vector<std::string> arguments) {
  Command command;
  command.program = program;
  command.arguments = std::move(arguments);
  if (::geteuid() != 0) return command;
  command.program = "/usr/bin/setpriv";
  command.arguments.insert(command.arguments.begin(), {std::string("--reuid=") + kServerUser,
                                                       std::string("--regid=") + kServerUser,
                                                       "--init-groups", program.string()});
  return command;
}

void run(platform::ProcessRunner& runner, const Command& command) {
  const auto end = platform::run_to_end(runner, command, in(120s), {});
  if (!end) give_up(end.error().detail(Audience::operators));
  if (end->status != 0) give_up(command.program.string() + ": " + end->error_text);
}

void give_to_server_user(const Path& folder) {
  if (::geteuid() != 0) return;
  const passwd* user = ::getpwnam(kServerUser);
  if (user == nullptr || ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
    give_up("no system user postgres");
  }
}

void initdb(platform::ProcessRunner& runner, const Path& data) {
  run(runner, as_server_user(pg_bindir() / "initdb",
                             {"--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                              "--locale=C.UTF-8", "--pgdata", data.string()}));
}

// The data folder that initdb made once for this test binary.
Path initdb_template(platform::ProcessRunner& runner) {
  static std::mutex mutex;
  static std::unique_ptr<TempFolder> folder;
  const std::lock_guard lock(mutex);
  if (folder) return *folder / "data";
  auto fresh = std::make_unique<TempFolder>();
  give_to_server_user(fresh->path());
  initdb(runner, *fresh / "data");
  folder = std::move(fresh);
  return *folder / "data";
}

void copy_folder(platform::ProcessRunner& runner, const Path& from, const Path& to) {
  Command copy;
  copy.program = "/bin/cp";
  copy.arguments = {"-a", "--reflink=auto", from.string(), to.string()};
  run(runner, copy);
}

// Shared memory in files of its own folder: a server that is killed leaves nothing in /dev/shm.
std::string configuration(const PgClusterOptions& options, const Path& socket_folder) {
  std::string text = "listen_addresses = ''\nunix_socket_directories = '" + socket_folder.string() +
                     "'\ndynamic_shared_memory_type = mmap\nshared_buffers = 16MB\nmax_wal_size = "
                     "256MB\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n"
                     "password_encryption = 'scram-sha-256'\n";  // 13 has md5
  if (!options.fsync) text += "fsync = off\nfull_page_writes = off\nsynchronous_commit = off\n";
  for (const auto& [name, value] : options.settings) text += name + " = '" + value + "'\n";
  return text;
}

std::string host_based_authentication(const PgClusterOptions& options) {
  return "local all postgres trust\nlocal replication postgres trust\nlocal all all " +
         options.authentication + "\n";
}

struct CloseConnection {
  void operator()(PGconn* connection) const { ::PQfinish(connection); }
};
struct ClearResult {
  void operator()(PGresult* result) const { ::PQclear(result); }
};
using Connection = std::unique_ptr<PGconn, CloseConnection>;
using Rows = std::unique_ptr<PGresult, ClearResult>;

// The tests' own session, apart from the code under test. A test may show the server's words.
Rows run_sql(const std::string& dsn, std::string_view sql) {
  const Connection connection(::PQconnectdb(dsn.c_str()));
  if (::PQstatus(connection.get()) != CONNECTION_OK) give_up(::PQerrorMessage(connection.get()));
  ::PQsetNoticeProcessor(
      connection.get(), [](void*, const char*) {}, nullptr);
  Rows rows(::PQexec(connection.get(), std::string(sql).c_str()));
  const ExecStatusType status = ::PQresultStatus(rows.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) {
    give_up(::PQresultErrorMessage(rows.get()));
  }
  return rows;
}

int signal_number_of(PgStop mode) {
  switch (mode) {
    case PgStop::smart:
      return SIGTERM;
    case PgStop::fast:
      return SIGINT;
    case PgStop::immediate:
      break;
  }
  return SIGQUIT;
}

std::string file_text(const Path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Path pg_bindir() {
  const char* named = std::getenv(kBindirVariable);
  return named == nullptr ? kDebianBindir : named;
}

std::string bindir_line() {
  return std::getenv(kBindirVariable) == nullptr ? "" : "bindir: " + pg_bindir().string();
}

PgCluster::PgCluster(PgClusterOptions options)
    : options_(std::move(options)), runner_(platform::make_process_runner()) {
  if (!std::filesystem::exists(bindir() / "postgres")) {
    give_up("there is no PostgreSQL in " + bindir().string());
  }
  give_to_server_user(folder_.path());
  if (options_.own_identity)
    initdb(*runner_, data_folder());
  else
    copy_folder(*runner_, initdb_template(*runner_), data_folder());
  std::ofstream(data_folder() / "postgresql.auto.conf") << configuration(options_, folder_.path());
  std::ofstream(data_folder() / "pg_hba.conf") << host_based_authentication(options_);
  start();
}

// Not by a kill: that would leave its segment of shared memory to the machine.
PgCluster::~PgCluster() {
  if (server_) {
    server_->signal_group(SIGQUIT);
    (void)server_->wait(in(60s), {});
    server_.reset();
  }
  platform::free_shared_memory(platform::real_file_system(), data_folder());
}

void PgCluster::start() {
  if (server_) give_up("it runs already");
  const platform::Descriptor log(
      ::open(log_file().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  std::error_code ignored;
  std::filesystem::remove(data_folder() / "postmaster.pid", ignored);  // of one that was killed
  Command command =
      as_server_user("/bin/sh", {"-c", "exec \"$0\" -D \"$1\" 2>&1",
                                 (bindir() / "postgres").string(), data_folder().string()});
  command.output = log.get();
  auto started = runner_->start(command, {});
  if (!started) give_up(started.error().detail(Audience::operators));
  server_ = std::move(*started);
  const MonoTime until = in(60s);
  while (::PQping(dsn().c_str()) != PQPING_OK) {
    if (!running() || MonoTime::clock::now() > until) {
      give_up("it does not start: " + file_text(log_file()));
    }
    ::usleep(5000);  // the server offers no event for "ready"
  }
}

void PgCluster::stop(PgStop mode) {
  if (!server_) return;
  signal_postmaster(signal_number_of(mode));
  const auto end = server_->wait(in(60s), {});
  server_.reset();
  if (!end) give_up(end.error().detail(Audience::operators));
}

void PgCluster::kill9() {
  if (!server_) return;
  signal_postmaster(SIGKILL);
  (void)server_->wait(in(60s), {});  // the supervisor kills what the postmaster left
  server_.reset();
}

void PgCluster::reap() {
  if (!server_) return;
  (void)server_->wait(in(60s), {});
  server_.reset();
}

void PgCluster::execute_alone(std::string_view sql, std::string_view database) {
  if (server_) give_up("it runs");
  const Path script = folder_.path() / "alone.sql";
  std::ofstream(script) << sql << "\n";
  run(*runner_, as_server_user("/bin/sh", {"-c", "exec \"$0\" --single -D \"$1\" \"$2\" <\"$3\"",
                                           (bindir() / "postgres").string(), data_folder().string(),
                                           std::string(database), script.string()}));
}

bool PgCluster::running() const {
  return server_ && server_->running();
}

std::string PgCluster::dsn(std::string_view database, std::string_view user) const {
  const auto quoted = [](std::string_view text) {
    std::string out = "'";
    for (const char c : text) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  };
  return "host=" + folder_.path().string() + " port=5432 dbname=" + quoted(database) +
         " user=" + quoted(user);
}

platform::Dsn PgCluster::named_dsn(std::string_view database, std::string_view user) const {
  return {"test", dsn(database, user), ""};
}

void PgCluster::execute(std::string_view sql, std::string_view database) {
  (void)run_sql(dsn(database), sql);
}

std::string PgCluster::value(std::string_view sql, std::string_view database) {
  const Rows rows = run_sql(dsn(database), sql);
  return ::PQntuples(rows.get()) == 0 ? "" : ::PQgetvalue(rows.get(), 0, 0);
}

void PgCluster::create_database(std::string_view name) {
  execute("CREATE DATABASE " + platform::quote_identifier(name));
}

void PgCluster::create_role(std::string_view name, std::string_view attributes,
                            std::string_view password) {
  std::string sql = "CREATE ROLE " + platform::quote_identifier(name) + " LOGIN ";
  sql += attributes;
  if (!password.empty()) sql += " PASSWORD " + platform::quote_literal(password);
  execute(sql);
}

std::unique_ptr<platform::PgConnection> PgCluster::lock_table(std::string_view table,
                                                              std::string_view database) {
  auto session =
      platform::make_pg_connector()->connect(named_dsn(database), "blocker", {in(60s), {}});
  const std::string sql = "BEGIN; LOCK TABLE public." + platform::quote_identifier(table);
  if (!session || !(*session)->query(sql, {in(60s), {}})) give_up("no lock on " + sql);
  return std::move(*session);
}

bool PgCluster::somebody_waits() {
  const MonoTime until = in(60s);
  while (value("SELECT count(*) FROM pg_locks WHERE NOT granted") == "0") {
    if (MonoTime::clock::now() > until) return false;
  }
  return true;
}

int PgCluster::major() const {
  int major = 0;
  const std::string text = file_text(data_folder() / "PG_VERSION");
  std::from_chars(text.data(), text.data() + text.size(), major);
  return major;
}

int PgCluster::postmaster_pid() const {
  int pid = 0;
  const std::string text = file_text(data_folder() / "postmaster.pid");
  std::from_chars(text.data(), text.data() + text.size(), pid);
  if (pid <= 0) give_up("there is no postmaster");
  return pid;
}

void PgCluster::signal_postmaster(int signal) const {
  ::kill(postmaster_pid(), signal);
}

int PgCluster::signal_backends(std::string_view prefix, int signal) {
  const Rows rows =
      run_sql(dsn(),
              "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
              "starts_with(application_name, " +
                  platform::quote_literal(prefix) + ") AND pid <> pg_backend_pid()");
  for (int i = 0; i < ::PQntuples(rows.get()); ++i) {
    ::kill(std::atoi(::PQgetvalue(rows.get(), i, 0)), signal);
  }
  return ::PQntuples(rows.get());
}

}  // namespace vigie::testing
