#include "platform/sqlite.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace vigie::platform {
namespace {

struct SqliteTest : ::testing::Test {
  testing::TempFolder folder;
  Path file = folder / "state.db";

  Sqlite open(const SqliteOptions& options = {}) {
    auto db = Sqlite::open(file, options);
    if (!db) throw std::runtime_error(db.error().detail(Audience::operators));
    return std::move(*db);
  }
  // As a process does that is killed then: the log stays beside the file, and nobody has it open.
  void write_and_die(const char* script) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(open().execute(script) ? ::raise(SIGKILL) : 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }
  static int64_t number(Sqlite& db, std::string_view sql) {
    auto rows = db.query(sql);
    EXPECT_TRUE(rows);
    EXPECT_TRUE(rows->step().value());
    return rows->integer(0);
  }
};

bool is_sound(Sqlite& db) {
  auto rows = db.query("PRAGMA integrity_check(1)");
  return rows && rows->step().value_or(false) && rows->text(0) == "ok";
}

TEST_F(SqliteTest, KeepsEveryTypeOfValue) {
  Sqlite db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a, b, c, d, e, f)"));
  const SystemTime when(std::chrono::microseconds(1764000000123456));
  ASSERT_TRUE(db.run("INSERT INTO t VALUES (?1, ?2, ?3, ?4, ?5, ?6)", int64_t{1} << 62, 0.5,
                     std::string("nul\0within", 10), std::nullopt, when,
                     std::optional<std::string>("there")));
  auto rows = db.query("SELECT * FROM t");
  ASSERT_TRUE(rows && rows->step().value());
  EXPECT_EQ(rows->integer(0), int64_t{1} << 62);
  EXPECT_EQ(rows->text(1), "0.5");
  EXPECT_EQ(rows->text(2), std::string("nul\0within", 10));
  EXPECT_TRUE(rows->is_null(3));
  EXPECT_EQ(rows->time(4), when);
  EXPECT_EQ(rows->text(5), "there");
  EXPECT_FALSE(rows->step().value());
}

TEST_F(SqliteTest, AnEmptyTextIsNotNull) {
  Sqlite db = open();
  auto rows = db.query("SELECT ?1 IS NULL, ?2 IS NULL", std::string_view(), std::nullopt);
  ASSERT_TRUE(rows && rows->step().value());
  EXPECT_EQ(rows->integer(0), 0);
  EXPECT_EQ(rows->integer(1), 1);
}

TEST_F(SqliteTest, AStatementRunsAgainAfterReset) {
  Sqlite db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a)"));
  auto insert = db.prepare("INSERT INTO t VALUES (?1)");
  ASSERT_TRUE(insert);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(insert->bind(1, i));
    ASSERT_TRUE(insert->step());
    ASSERT_TRUE(insert->reset());
  }
  EXPECT_EQ(number(db, "SELECT sum(a) FROM t"), 3);
}

TEST_F(SqliteTest, IsDurableAndPrivate) {
  Sqlite db = open();
  EXPECT_EQ(number(db, "PRAGMA synchronous"), 2);
  auto mode = db.query("PRAGMA journal_mode");
  ASSERT_TRUE(mode && mode->step().value());
  EXPECT_EQ(mode->text(0), "wal");
  struct stat st {};
  ASSERT_EQ(::stat(file.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777U, 0600U);
}

TEST_F(SqliteTest, ATransactionThatIsDroppedLeavesNothing) {
  Sqlite db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a)"));
  {
    auto transaction = SqliteTransaction::begin(db);
    ASSERT_TRUE(transaction);
    ASSERT_TRUE(db.run("INSERT INTO t VALUES (1)"));
  }
  EXPECT_EQ(number(db, "SELECT count(*) FROM t"), 0);
}

TEST_F(SqliteTest, ATransactionThatIsCommittedIsSeenByAnotherConnection) {
  Sqlite db = open();
  Sqlite other = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a)"));
  auto transaction = SqliteTransaction::begin(db);
  ASSERT_TRUE(transaction);
  ASSERT_TRUE(db.run("INSERT INTO t VALUES (1)"));
  EXPECT_EQ(number(other, "SELECT count(*) FROM t"), 0);
  ASSERT_TRUE(transaction->commit());
  EXPECT_EQ(number(other, "SELECT count(*) FROM t"), 1);
}

// Another process that opens the file, reads it and closes it, once it is told to. It is made
// before anybody opens the file: what SQLite knows of our locks must not be in it.
class Outsider {
 public:
  explicit Outsider(const Path& file) {
    if (::pipe(start_.data()) != 0) throw std::runtime_error("no pipe");
    child_ = ::fork();
    if (child_ == 0) ::_exit(look(file));
  }
  int look_now() {
    (void)!::write(start_[1], "x", 1);
    int status = -1;
    ::waitpid(child_, &status, 0);
    ::close(start_[0]);
    ::close(start_[1]);
    return status;
  }

 private:
  int look(const Path& file) const {
    char told = 0;
    if (::read(start_[0], &told, 1) != 1) return 1;
    auto db = Sqlite::open(file);
    if (!db) return 2;
    auto rows = db->query("SELECT count(*) FROM t");
    return rows && rows->step().value_or(false) ? 0 : 3;
  }

  std::array<int, 2> start_{};
  pid_t child_ = -1;
};

TEST_F(SqliteTest, ASecondConnectionLeavesTheFirstItsLocks) {
  Outsider outsider(file);
  Sqlite db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1)"));
  const Sqlite second = open();
  EXPECT_EQ(outsider.look_now(), 0);
  EXPECT_TRUE(std::filesystem::exists(file.string() + "-wal"))
      << "somebody else was the last one, and took it away";
}

TEST_F(SqliteTest, DoesNotFollowALink) {
  ASSERT_EQ(::symlink((folder / "elsewhere").c_str(), file.c_str()), 0);
  EXPECT_FALSE(Sqlite::open(file));
  EXPECT_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

TEST_F(SqliteTest, TellsThatAnotherConnectionKeepsItsLock) {
  Sqlite db = open();
  Sqlite other = open({.busy_timeout = std::chrono::milliseconds(1)});
  auto transaction = SqliteTransaction::begin(db);
  ASSERT_TRUE(transaction);
  const auto second = SqliteTransaction::begin(other);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::state_busy);
}

TEST_F(SqliteTest, TellsABrokenConstraintFromOtherFailures) {
  Sqlite db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a PRIMARY KEY); INSERT INTO t VALUES (1)"));
  EXPECT_EQ(db.run("INSERT INTO t VALUES (1)").error().code(), ErrorCode::state_conflict);
  EXPECT_EQ(db.run("NOT SQL").error().code(), ErrorCode::internal_error);
}

TEST_F(SqliteTest, NoErrorHoldsSql) {
  Sqlite db = open();
  const auto failed = db.run("SELECT 'hunter2' FROM nowhere");
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().detail(Audience::operators).find("hunter2"), std::string::npos);
}

TEST_F(SqliteTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(file) << std::string(8192, 'x');
  const auto db = Sqlite::open(file);
  ASSERT_FALSE(db);
  EXPECT_EQ(db.error().code(), ErrorCode::file_corrupt);
}

TEST_F(SqliteTest, FindsADamagedPage) {
  {
    Sqlite db = open();
    ASSERT_TRUE(db.execute("CREATE TABLE t(a PRIMARY KEY, b)"));
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(db.run("INSERT INTO t VALUES (?1, ?2)", i, std::string(200, 'b')));
    }
    ASSERT_TRUE(is_sound(db));
    ASSERT_TRUE(db.execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  }
  std::fstream raw(file, std::ios::in | std::ios::out | std::ios::binary);
  raw.seekp(std::streamoff{2} * 4096);
  raw << std::string(4096, '\xee');
  raw.close();
  Sqlite db = open();
  auto rows = db.query("SELECT b FROM t WHERE a = 7");
  const auto read = rows ? rows->step() : tl::unexpected(rows.error());
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::file_corrupt);
}

TEST_F(SqliteTest, OpensNothingToReadOnlyThatIsNotThere) {
  EXPECT_FALSE(Sqlite::open(file, {.read_only = true}));
  EXPECT_FALSE(std::filesystem::exists(file));
}

// In a process of its own: a file size limit cannot be taken back from within, and what it stops is
// a write, as on a full disk. Exits 0 when the failed insert left the committed row alone.
int fill_under_a_limit(const Path& file) {
  auto db = Sqlite::open(file);
  if (!db || !db->execute("CREATE TABLE t(a); INSERT INTO t VALUES ('first')")) return 1;
  ::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{256 << 10, 256 << 10};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
  const auto failed = db->run("INSERT INTO t VALUES (?1)", std::string(1 << 20, 'x'));
  if (failed) return 3;
  const ErrorCode code = failed.error().code();
  if (code != ErrorCode::disk_full && code != ErrorCode::file_io) return 4;
  auto rows = db->query("SELECT count(*), min(a) FROM t");
  if (!rows || !rows->step().value_or(false)) return 5;
  return rows->integer(0) == 1 && rows->text(1) == "first" ? 0 : 6;
}

TEST_F(SqliteTest, LosesNothingThatWasCommittedWhenWritingFails) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fill_under_a_limit(file));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  Sqlite db = open();
  EXPECT_EQ(number(db, "SELECT count(*) FROM t"), 1);
  EXPECT_TRUE(is_sound(db));
}

constexpr std::array kFirst{Migration{1, "CREATE TABLE a(x)"}};
constexpr std::array kBoth{Migration{1, "CREATE TABLE a(x)"},
                           Migration{2, "ALTER TABLE a ADD y; INSERT INTO a VALUES (1, 2)"}};

TEST_F(SqliteTest, MigratesForwardOnce) {
  Sqlite db = open();
  ASSERT_TRUE(migrate(db, "jobs", kFirst));
  ASSERT_TRUE(migrate(db, "jobs", kBoth));
  ASSERT_TRUE(migrate(db, "jobs", kBoth));
  EXPECT_EQ(number(db, "SELECT count(y) FROM a"), 1);
}

TEST_F(SqliteTest, RefusesAStateBeyondItsMigrations) {
  Sqlite db = open();
  ASSERT_TRUE(migrate(db, "jobs", kBoth));
  const auto older = migrate(db, "jobs", kFirst);
  ASSERT_FALSE(older);
  EXPECT_EQ(older.error().code(), ErrorCode::state_newer);
  EXPECT_EQ(older.error().parameter("observed"), "jobs 2");
}

TEST_F(SqliteTest, RoomsMigrateApart) {
  Sqlite db = open();
  constexpr std::array kOther{Migration{1, "CREATE TABLE b(x)"}};
  ASSERT_TRUE(migrate(db, "jobs", kBoth));
  ASSERT_TRUE(migrate(db, "backup", kOther));
  EXPECT_EQ(number(db, "SELECT count(*) FROM schema_versions"), 2);
}

TEST_F(SqliteTest, AMigrationThatFailsLeavesTheStepBefore) {
  Sqlite db = open();
  constexpr std::array kBroken{Migration{1, "CREATE TABLE a(x)"},
                               Migration{2, "CREATE TABLE c(x); NOT SQL"}};
  EXPECT_FALSE(migrate(db, "jobs", kBroken));
  EXPECT_EQ(number(db, "SELECT version FROM schema_versions WHERE room = 'jobs'"), 1);
  EXPECT_EQ(number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
}

std::vector<std::string> names_in(const Path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

TEST_F(SqliteTest, ACopyIsChangedWithoutTheFile) {
  {
    Sqlite db = open();
    ASSERT_TRUE(db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1)"));
  }
  {
    Sqlite copy = open({.copy = true});
    EXPECT_EQ(number(copy, "SELECT count(*) FROM t"), 1);
    ASSERT_TRUE(copy.execute("INSERT INTO t VALUES (2); CREATE TABLE u(a)"));
    EXPECT_EQ(names_in(folder.path()), std::vector<std::string>{"state.db"});
  }
  Sqlite again = open();
  EXPECT_EQ(number(again, "SELECT count(*) FROM t"), 1);
}

TEST_F(SqliteTest, ACopyHoldsWhatAWriterAtWorkHasCommitted) {
  Sqlite db = open();
  ASSERT_TRUE(db.execute("CREATE TABLE t(a); INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(db.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)"));
  Sqlite copy = open({.copy = true});
  EXPECT_EQ(number(copy, "SELECT count(*) FROM t"), 1);
  ASSERT_TRUE(db.execute("COMMIT"));
}

TEST_F(SqliteTest, ACopyReadsTheLogThatAKilledWriterLeftAndLeavesItThere) {
  write_and_die("CREATE TABLE t(a); INSERT INTO t VALUES (1)");
  const auto before = names_in(folder.path());
  ASSERT_EQ(before.size(), 3U);
  Sqlite copy = open({.copy = true});
  EXPECT_EQ(number(copy, "SELECT count(*) FROM t"), 1);
  EXPECT_EQ(names_in(folder.path()), before);
}

// The folder was copied, or restored, without what processes share.
TEST_F(SqliteTest, ACopyReadsALogWhoseIndexIsLostAndLeavesItThere) {
  write_and_die("CREATE TABLE t(a); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)");
  std::filesystem::remove(file.string() + "-shm");
  const auto log_size = std::filesystem::file_size(file.string() + "-wal");
  const auto before = names_in(folder.path());
  {
    Sqlite copy = open({.copy = true});
    EXPECT_EQ(number(copy, "SELECT count(*) FROM t"), 2);
    EXPECT_EQ(names_in(folder.path()), before);
  }
  EXPECT_EQ(names_in(folder.path()), before);
  EXPECT_EQ(std::filesystem::file_size(file.string() + "-wal"), log_size);
  Sqlite again = open();
  EXPECT_EQ(number(again, "SELECT count(*) FROM t"), 2) << "the writer after it finds all of it";
}

TEST_F(SqliteTest, ACopyOfAMissingFileIsEmptyAndMakesNone) {
  Sqlite copy = open({.copy = true});
  EXPECT_EQ(number(copy, "SELECT count(*) FROM sqlite_schema"), 0);
  EXPECT_TRUE(names_in(folder.path()).empty());
}

TEST_F(SqliteTest, ACopyOfWhatIsNoDatabaseIsRefused) {
  std::ofstream(file) << std::string(4096, 'x');
  const auto copy = Sqlite::open(file, {.copy = true});
  ASSERT_FALSE(copy);
  EXPECT_EQ(copy.error().code(), ErrorCode::file_corrupt);
}

}  // namespace
}  // namespace vigie::platform
