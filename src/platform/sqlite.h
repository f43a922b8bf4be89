// SQLite 3 for state that is not evidence (state.db, metrics.db): WAL, synchronous=FULL, foreign
// keys on, prepared statements with typed values, transactions, migrations by room.
//
//   TRY_ASSIGN(auto db, Sqlite::open(folder / "state.db"));
//   TRY(migrate(db, "jobs", kMigrations));
//   TRY(db.run("INSERT INTO run(id, due) VALUES (?1, ?2)", id, due));
//   TRY_ASSIGN(auto rows, db.query("SELECT id FROM run WHERE due < ?1", now));
//   while (true) { TRY_ASSIGN(const bool row, rows.step()); if (!row) break; use(rows.text(0)); }
//
// A connection and its statements belong to one thread at a time; several connections to one file
// may work at once. Errors: disk_full, file_io, file_permission, file_corrupt (also a file that is
// no database), state_busy (another connection kept its lock beyond the busy timeout),
// state_conflict (a constraint), internal_error (SQL that is not valid). No error holds SQL or
// values.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "platform/file_system.h"

struct sqlite3;
struct sqlite3_stmt;

namespace vigie::platform {

// A prepared statement. Must end before its Sqlite does. A text with a NUL byte is stored whole.
class SqliteStatement {
 public:
  // `index` from 1, as in SQL. Values are copied.
  Result<> bind(int index, int64_t value);
  Result<> bind(int index, double value);
  Result<> bind(int index, std::string_view value);
  Result<> bind(int index, std::nullopt_t);
  Result<> bind_blob(int index, std::string_view bytes);
  Result<> bind(int index, SystemTime time);  // microseconds since 1970, an integer
  template <class T>
  Result<> bind(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind(index, std::nullopt);
  }
  template <class T>
  requires std::is_integral_v<T> Result<> bind(int index, T value) {
    return bind(index, static_cast<int64_t>(value));
  }
  Result<> bind(int index, const char* value) { return bind(index, std::string_view(value)); }
  Result<> bind(int index, const std::string& value) {
    return bind(index, std::string_view(value));
  }
  template <class... T>
  Result<> bind_all(const T&... values) {
    int index = 0;
    Result<> result;
    (void)((result = bind(++index, values)).has_value() && ...);
    return result;
  }

  Result<bool> step();  // true: there is a row
  Result<> reset();     // ready to run again; what was bound stays

  // Columns of the current row, from 0. Another type is converted as SQLite does.
  int64_t integer(int column) const;
  std::string text(int column) const;
  std::string blob(int column) const;
  SystemTime time(int column) const;
  bool is_null(int column) const;
  int columns() const;

 private:
  friend class Sqlite;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  SqliteStatement(sqlite3_stmt* statement, std::shared_ptr<const Path> path)
      : statement_(statement), path_(std::move(path)) {}
  Result<> checked(int code) const;

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::shared_ptr<const Path> path_;
};

struct SqliteOptions {
  std::chrono::milliseconds busy_timeout{5000};
  bool read_only = false;
  // A copy in memory of what the file holds at this moment: whoever only looks can migrate and
  // change it, and nothing is written beside the file, no -wal and no -shm either. A missing file
  // is an empty database.
  bool copy = false;
  Bytes cache = 2_MiB;  // memory for pages
};

class Sqlite {
 public:
  // Makes the file (0600) when it is missing, unless it is opened to read only.
  static Result<Sqlite> open(const Path& path, const SqliteOptions& options = {});

  Result<SqliteStatement> prepare(std::string_view sql);
  // A prepared statement with its values bound; step() gives the rows.
  template <class... T>
  Result<SqliteStatement> query(std::string_view sql, const T&... values) {
    TRY_ASSIGN(SqliteStatement statement, prepare(sql));
    TRY(statement.bind_all(values...));
    return statement;
  }
  // One statement whose rows nobody wants.
  template <class... T>
  Result<> run(std::string_view sql, const T&... values) {
    TRY_ASSIGN(SqliteStatement statement, query(sql, values...));
    TRY(statement.step());
    return {};
  }
  Result<> execute(std::string_view script);  // several statements without values
  int64_t changes() const;                    // rows that the last statement changed
  const Path& path() const { return *path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  static Result<Sqlite> open_copy(const Path& path, const SqliteOptions& options);
  Sqlite(sqlite3* db, const Path& path) : db_(db), path_(std::make_shared<const Path>(path)) {}

  std::unique_ptr<sqlite3, Close> db_;
  std::shared_ptr<const Path> path_;
};

// BEGIN IMMEDIATE … COMMIT. Rolls back when it ends without commit(). Do not nest.
class SqliteTransaction {
 public:
  static Result<SqliteTransaction> begin(Sqlite& db);
  SqliteTransaction(SqliteTransaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  Result<> commit();

 private:
  explicit SqliteTransaction(Sqlite& db) : db_(&db) {}
  Sqlite* db_;
};

// One step of a room's schema. Versions are 1, 2, 3 …, in order and without gaps.
struct Migration {
  int version;
  std::string_view sql;
};
// Brings the tables of `room` to the last of `migrations`, each step in a transaction of its own
// with the row in schema_versions(room, version) that records it. state_newer when the file is
// beyond them.
Result<> migrate(Sqlite& db, std::string_view room, std::span<const Migration> migrations);

}  // namespace vigie::platform
