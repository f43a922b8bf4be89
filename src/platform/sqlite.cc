#include "platform/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/encoding.h"
#include "platform/descriptor.h"

namespace vigie::platform {
namespace {

Error corrupt(const Path& path, std::string_view reason) {
  return Error(ErrorCode::file_corrupt, {{"path", path.string()}, {"reason", std::string(reason)}});
}

// `code` is an extended result code. SQLite's message may quote SQL: it is left out. SQLite calls
// it an I/O error when there is no space for what it shares between processes.
Error sqlite_error(int code, const Path& path, sqlite3* db) {
  const int system = ::sqlite3_system_errno(db);
  if ((code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT))
    return file_error(ENOSPC, path);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return file_error(ENOSPC, path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return corrupt(path, ::sqlite3_errstr(code));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(ErrorCode::state_busy, {{"path", path.string()}});
    case SQLITE_CONSTRAINT:
      return Error(ErrorCode::state_conflict,
                   {{"path", path.string()}, {"reason", ::sqlite3_errstr(code)}});
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return file_error(EACCES, path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
      return Error(ErrorCode::file_io,
                   {{"path", path.string()}, {"reason", ::sqlite3_errstr(code)}});
    default:
      return Error(ErrorCode::internal_error,
                   {{"reason", fmt::format("SQLite refused a statement (result {})", code)}});
  }
}

// SQLite makes its files with 0644; a state file is nobody else's. Its -wal and -shm follow. A file
// that is there is not opened here: the close would drop every lock that another connection of this
// process holds on it (fcntl), and whoever opened it next could take away the -wal under us.
Result<> make_private(const Path& path) {
  struct ::stat info {};
  if (::lstat(path.c_str(), &info) == 0)
    return S_ISLNK(info.st_mode) ? fail(file_error(ELOOP, path)) : Result<>();
  if (errno != ENOENT) return fail(file_error(errno, path));
  const Descriptor fd(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd && errno != EEXIST) return fail(file_error(errno, path));
  return {};
}

std::string settings(const SqliteOptions& options) {
  std::string sql = fmt::format(
      "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA synchronous=FULL; "
      "PRAGMA cache_size=-{};",
      options.cache.count >> 10);
  if (!options.read_only) sql += "PRAGMA journal_mode=WAL;";
  return sql;
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  ::sqlite3_finalize(statement);
}

Result<> SqliteStatement::checked(int code) const {
  if (code == SQLITE_OK) return {};
  sqlite3* const db = ::sqlite3_db_handle(statement_.get());
  return fail(sqlite_error(::sqlite3_extended_errcode(db), *path_, db));
}

Result<> SqliteStatement::bind(int index, int64_t value) {
  return checked(::sqlite3_bind_int64(statement_.get(), index, value));
}
Result<> SqliteStatement::bind(int index, double value) {
  return checked(::sqlite3_bind_double(statement_.get(), index, value));
}
Result<> SqliteStatement::bind(int index, std::string_view value) {
  // A null pointer would be bound as NULL.
  const char* data = value.data() == nullptr ? "" : value.data();
  return checked(::sqlite3_bind_text64(statement_.get(), index, data, value.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8));
}
Result<> SqliteStatement::bind(int index, std::nullopt_t) {
  return checked(::sqlite3_bind_null(statement_.get(), index));
}
Result<> SqliteStatement::bind_blob(int index, std::string_view bytes) {
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  return checked(
      ::sqlite3_bind_blob64(statement_.get(), index, data, bytes.size(), SQLITE_TRANSIENT));
}
Result<> SqliteStatement::bind(int index, SystemTime time) {
  return bind(index, static_cast<int64_t>(time.time_since_epoch().count()));
}

Result<bool> SqliteStatement::step() {
  const int code = ::sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  TRY(checked(code));
  return false;
}

Result<> SqliteStatement::reset() {
  ::sqlite3_reset(statement_.get());  // its result repeats the error of the last step
  return {};
}

int64_t SqliteStatement::integer(int column) const {
  return ::sqlite3_column_int64(statement_.get(), column);
}
std::string SqliteStatement::text(int column) const {
  const auto* text = ::sqlite3_column_text(statement_.get(), column);
  const int size = ::sqlite3_column_bytes(statement_.get(), column);
  if (text == nullptr) return {};
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(size)};
}
std::string SqliteStatement::blob(int column) const {
  const void* bytes = ::sqlite3_column_blob(statement_.get(), column);
  const int size = ::sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}
SystemTime SqliteStatement::time(int column) const {
  return SystemTime(Duration(integer(column)));
}
bool SqliteStatement::is_null(int column) const {
  return ::sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
int SqliteStatement::columns() const {
  return ::sqlite3_column_count(statement_.get());
}

void Sqlite::Close::operator()(sqlite3* db) const {
  ::sqlite3_close_v2(db);
}

namespace {

// What lies there, and what a writer changes beside our reading of it.
struct FileMark {
  bool log = false;     // -wal, with something in it
  bool shared = false;  // -shm: the index of it, which every process with the file open keeps there
  struct ::timespec changed {};
  ::off_t size = 0;
  ::off_t log_size = 0;
  bool operator==(const FileMark& other) const {
    return log == other.log && shared == other.shared && size == other.size &&
           log_size == other.log_size && changed.tv_sec == other.changed.tv_sec &&
           changed.tv_nsec == other.changed.tv_nsec;
  }
  // A log without its index is what a copy of the folder has of a process that was killed.
  bool lost_index() const { return log && !shared; }
};

// Nothing when there is no file.
Result<std::optional<FileMark>> mark_of(const Path& path) {
  struct ::stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::nullopt;
    return fail(file_error(errno, path));
  }
  struct ::stat log {};
  struct ::stat shared {};
  const bool has_log = ::stat((path.string() + "-wal").c_str(), &log) == 0 && log.st_size > 0;
  const bool has_index = ::stat((path.string() + "-shm").c_str(), &shared) == 0;
  return FileMark{has_log, has_index, info.st_mtim, info.st_size, has_log ? log.st_size : 0};
}

// Without a log the file is whole, and opened as what nobody changes: SQLite writes nothing then.
// With one, its index is read where it is, or made in memory when no process keeps it. Where it is
// not there at all, SQLite would make it: unless it may take the file for its own, which takes
// locks that a reader cannot have. Nobody holds any: whoever had the file open would have the
// index.
std::string copy_source(const Path& path, const FileMark& mark) {
  const std::string_view how = !mark.log           ? "immutable=1"
                               : mark.lost_index() ? "vfs=unix-none"
                                                   : "readonly_shm=1";
  return fmt::format("file:{}?{}", percent_encode(path.string()), how);
}

struct CloseHandle {
  void operator()(sqlite3* db) const { ::sqlite3_close_v2(db); }
};

Result<> copy_pages(sqlite3* to, const Path& path, const FileMark& mark, int busy_timeout_ms) {
  sqlite3* handle = nullptr;
  int code = ::sqlite3_open_v2(
      copy_source(path, mark).c_str(), &handle,
      SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  const std::unique_ptr<sqlite3, CloseHandle> from(handle);
  if (code != SQLITE_OK) return fail(sqlite_error(code, path, handle));
  ::sqlite3_busy_timeout(handle, busy_timeout_ms);
  if (mark.lost_index()) {
    // The log stays as it is, also at the end.
    ::sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    code = ::sqlite3_exec(handle, "PRAGMA locking_mode=EXCLUSIVE", nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return fail(sqlite_error(code, path, handle));
  }
  sqlite3_backup* const backup = ::sqlite3_backup_init(to, "main", handle, "main");
  if (backup == nullptr) return fail(sqlite_error(::sqlite3_extended_errcode(to), path, to));
  ::sqlite3_backup_step(backup, -1);
  code = ::sqlite3_backup_finish(backup);
  if (code != SQLITE_OK) return fail(sqlite_error(code, path, handle));
  return {};
}

// A writer that begins or checkpoints meanwhile: then once more.
Result<> copy_into(sqlite3* to, const Path& path, int busy_timeout_ms) {
  constexpr int kTries = 10;
  for (int i = 1;; ++i) {
    TRY_ASSIGN(const auto before, mark_of(path));
    if (!before) return {};
    auto copied = copy_pages(to, path, *before, busy_timeout_ms);
    TRY_ASSIGN(const auto after, mark_of(path));
    const bool locked = before->log && !before->lost_index();  // against writers, by SQLite
    if (copied && (locked || before == after)) return {};
    if (!copied && (i == kTries || before == after)) return copied;
    if (i == kTries) return fail(ErrorCode::state_busy, {{"path", path.string()}});
  }
}

}  // namespace

Result<Sqlite> Sqlite::open_copy(const Path& path, const SqliteOptions& options) {
  sqlite3* handle = nullptr;
  const int code = ::sqlite3_open_v2(
      ":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  Sqlite db(handle, path);
  if (code != SQLITE_OK) return fail(sqlite_error(code, path, handle));
  TRY(copy_into(handle, path, static_cast<int>(options.busy_timeout.count())));
  TRY(db.execute(settings({.read_only = true, .cache = options.cache})));
  TRY(db.run("SELECT count(*) FROM sqlite_schema"));
  return db;
}

Result<Sqlite> Sqlite::open(const Path& path, const SqliteOptions& options) {
  if (options.copy) return open_copy(path, options);
  if (!options.read_only) TRY(make_private(path));
  const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* handle = nullptr;
  const int code = ::sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Sqlite db(handle, path);
  if (code != SQLITE_OK) return fail(sqlite_error(code, path, handle));
  ::sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  TRY(db.execute(settings(options)));
  // Reads the header, so that a file that is no database is refused here.
  TRY(db.run("SELECT count(*) FROM sqlite_schema"));
  return db;
}

Result<SqliteStatement> Sqlite::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = ::sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()), 0,
                                        &statement, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(code, *path_, db_.get()));
  if (statement == nullptr) {
    return fail(ErrorCode::internal_error, {{"reason", "an empty SQL statement"}});
  }
  return SqliteStatement(statement, path_);
}

Result<> Sqlite::execute(std::string_view script) {
  const int code =
      ::sqlite3_exec(db_.get(), std::string(script).c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(code, *path_, db_.get()));
  return {};
}

int64_t Sqlite::changes() const {
  return ::sqlite3_changes64(db_.get());
}

Result<SqliteTransaction> SqliteTransaction::begin(Sqlite& db) {
  TRY(db.execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(db);
}

SqliteTransaction::~SqliteTransaction() {
  // Some errors have rolled it back already; then there is nothing to do.
  if (db_ != nullptr) (void)db_->execute("ROLLBACK");
}

Result<> SqliteTransaction::commit() {
  TRY(db_->execute("COMMIT"));
  db_ = nullptr;
  return {};
}

namespace {

Result<int64_t> schema_version(Sqlite& db, std::string_view room) {
  TRY_ASSIGN(SqliteStatement rows,
             db.query("SELECT version FROM schema_versions WHERE room = ?1", room));
  TRY_ASSIGN(const bool row, rows.step());
  return row ? rows.integer(0) : 0;
}

Result<> apply(Sqlite& db, std::string_view room, const Migration& step) {
  TRY_ASSIGN(SqliteTransaction transaction, SqliteTransaction::begin(db));
  // Read again inside the transaction: another process may have been faster.
  TRY_ASSIGN(const int64_t version, schema_version(db, room));
  if (version >= step.version) return {};
  TRY(db.execute(step.sql));
  TRY(
      db.run("INSERT INTO schema_versions(room, version) VALUES (?1, ?2) "
             "ON CONFLICT(room) DO UPDATE SET version = excluded.version",
             room, step.version));
  return transaction.commit();
}

}  // namespace

Result<> migrate(Sqlite& db, std::string_view room, std::span<const Migration> migrations) {
  TRY(
      db.execute("CREATE TABLE IF NOT EXISTS schema_versions("
                 "room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT"));
  TRY_ASSIGN(const int64_t version, schema_version(db, room));
  const int64_t last = migrations.empty() ? 0 : migrations.back().version;
  if (version > last) {
    return fail(ErrorCode::state_newer, {{"path", db.path().string()},
                                         {"observed", fmt::format("{} {}", room, version)},
                                         {"expected", fmt::format("{} {}", room, last)}});
  }
  for (const Migration& step : migrations) {
    if (step.version > version) TRY(apply(db, room, step));
  }
  return {};
}

}  // namespace vigie::platform
