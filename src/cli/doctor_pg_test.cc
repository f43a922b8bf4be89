// Every row of docs/manual/doctor.md: made to fail on a real host, with the command that mends it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "backup/catalogue.h"
#include "cli/cells.h"
#include "store/owned_store.h"
#include "tests/support/cli_program.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/pg_masquerade.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using testing::PgCluster;
using testing::Printed;
using testing::TempFolder;

struct Line {
  std::string status;
  std::string detail;
  std::string code;
  std::string next;
};

// What a vigie.yaml says; a test changes a part of it.
struct Said {
  std::string dsn;
  std::string database_more = testing::bindir_line();  // or "password_file: /x"
  std::string store_path;
  std::string reserve = "1MiB";
  std::string job_more = "schedule: \"@daily\"";
};

class ShiftedClock final : public platform::Clock {
 public:
  SystemTime now() const override { return real_.now() + shift; }
  // Deadlines that are reckoned from an earlier now come sooner.
  MonoTime monotonic() const override { return real_.monotonic() - waited; }
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override {
    return real_.sleep_until(deadline, std::move(stop));
  }
  Duration shift{};
  Duration waited{};

 private:
  platform::RealClock real_;
};

// A real PgBouncer before a server, in its folder: what Debian installs, pooling by transaction.
class PgBouncer {
 public:
  explicit PgBouncer(const PgCluster& server) : folder_(server.socket_folder()) {
    const std::string config = (folder_ / "pgbouncer.ini").string();
    std::ofstream(config) << "[databases]\npostgres = host=" << folder_.string()
                          << " port=5432 user=postgres\n[pgbouncer]\nlisten_port = 6432\n"
                          << "unix_socket_dir = " << folder_.string()
                          << "\nauth_type = any\npool_mode = transaction\n";
    platform::Command command{kProgram, {config}};
    if (::geteuid() == 0) command.arguments.insert(command.arguments.begin(), {"-u", "postgres"});
    process_ = *runner_->start(command, {});
    const auto limit = MonoTime::clock::now() + std::chrono::seconds(30);
    while (process_->running() && MonoTime::clock::now() < limit && !answers()) continue;
  }
  static bool possible() { return std::filesystem::exists(kProgram); }
  std::string dsn() const {
    return "host=" + folder_.string() + " port=6432 dbname=postgres user=postgres";
  }

 private:
  static constexpr const char* kProgram = "/usr/sbin/pgbouncer";
  bool answers() const {
    return platform::make_pg_connector()
        ->connect({"bouncer", dsn(), ""}, "test",
                  {MonoTime::clock::now() + std::chrono::seconds(1), {}})
        .has_value();
  }

  platform::Path folder_;
  std::unique_ptr<platform::ProcessRunner> runner_ = platform::make_process_runner();
  std::unique_ptr<platform::Process> process_;
};

class Doctor : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<PgCluster>(); }
  static void TearDownTestSuite() { server_.reset(); }

  Doctor() {
    said_.dsn = server_->dsn();
    said_.store_path = (folder_ / "store").string();
    std::filesystem::create_directory(said_.store_path);
    std::filesystem::create_directory(state());
    ::chmod(state().c_str(), 0700);
    hooks_.files = &platform::real_file_system();
    hooks_.processes = processes_.get();
    hooks_.postgres = postgres_.get();
    hooks_.clock = &clock_;
    hooks_.clock_synchronised = [] { return true; };
  }

  std::string state() const { return (folder_ / "state").string(); }
  std::string write(const std::string& name, const std::string& text, mode_t mode) const {
    const std::string path = (folder_ / name).string();
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  Printed run(const char* output) const {
    const std::string config = write(
        "vigie.yaml",
        "state: {dir: " + state() + "}\ndatabases:\n  app:\n    dsn: \"" + said_.dsn + "\"\n    " +
            said_.database_more + "\nstores: {local: {type: local, path: " + said_.store_path +
            ", reserve: " + said_.reserve +
            "}}\nbackups:\n  nightly:\n    database: app\n    store: local\n    " + said_.job_more +
            "\n",
        0600);
    return testing::run_program({"doctor", "-c", config.c_str(), "-o", output}, hooks_);
  }

  // The first line of that check; with that code when one is given.
  Line line(const std::string& id, const std::string& code = "") const {
    const auto all = parse_json(run("json").out).value();
    for (const json::value& item : all.as_array()) {
      const json::object& one = item.as_object();
      const bool fits = code.empty() || text_of(one, "code") == code;
      if (text_of(one, "id") == id && fits)
        return {text_of(one, "status"), text_of(one, "detail"), text_of(one, "code"),
                text_of(one, "next")};
    }
    return {};
  }
  void expect(const std::string& id, const std::string& status, const std::string& code,
              const std::string& next) const {
    const Line found = line(id, code);
    EXPECT_EQ(found.status, status) << id << " " << code;
    EXPECT_THAT(found.next, HasSubstr(next)) << id << " " << code;
    EXPECT_NE(found.next, "vigie doctor");
  }

  static std::unique_ptr<PgCluster> server_;
  TempFolder folder_;
  Said said_;
  ShiftedClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  Hooks hooks_;
};

std::unique_ptr<PgCluster> Doctor::server_;

TEST_F(Doctor, FindsEverythingWellAndExitsWithZero) {
  const Printed printed = run("json");
  EXPECT_EQ(printed.exit_code, 0) << printed.out;
  for (const char* id : {"configuration", "state", "clock", "schedule.nightly", "store.local"})
    EXPECT_EQ(line(id).status, "pass") << id;
}

TEST_F(Doctor, ChangesNothing) {
  std::filesystem::remove(said_.store_path);
  std::filesystem::remove(state());
  (void)run("table");
  EXPECT_FALSE(std::filesystem::exists(said_.store_path));
  EXPECT_FALSE(std::filesystem::exists(state()));
  expect("store.local", "warn", "", " -m 700 " + said_.store_path);
  expect("state", "warn", "", " -m 700 " + state());

  std::filesystem::create_directory(said_.store_path);
  const auto before = std::filesystem::last_write_time(said_.store_path);
  (void)run("table");
  EXPECT_TRUE(std::filesystem::is_empty(said_.store_path));
  EXPECT_EQ(std::filesystem::last_write_time(said_.store_path), before);
}

TEST_F(Doctor, Configuration) {
  said_.job_more = "shedule: \"@daily\"";
  const Printed printed = run("table");
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr("next: vigie check-config"));
}

TEST_F(Doctor, StateFolderThatOthersCanRead) {
  ::chmod(state().c_str(), 0755);
  expect("state", "fail", "file_permission", "chmod 700 " + state());
  EXPECT_EQ(run("table").exit_code, 1);
}

TEST_F(Doctor, StateFolderOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(::chown(state().c_str(), 65534, 65534), 0);
  expect("state", "unknown", "state_owner", "sudo -u");
}

TEST_F(Doctor, ClockThatNothingKeeps) {
  hooks_.clock_synchronised = [] { return false; };
  expect("clock", "warn", "clock_unsynchronised", "timedatectl set-ntp true");
}

TEST_F(Doctor, ClockThatDiffersFromTheServers) {
  for (const auto shift : {std::chrono::minutes(-10), std::chrono::minutes(10)}) {
    clock_.shift = shift;
    expect("backup.nightly.app", "warn", "clock_differs", "timedatectl status");
  }
}

TEST_F(Doctor, PasswordFileThatOthersCanRead) {
  const std::string path = write("password", "secret", 0644);
  said_.database_more = "password_file: " + path;
  expect("secret.app", "unknown", "secret_file_mode", "chmod 600 " + path);
}

TEST_F(Doctor, PingFileThatIsNotThere) {
  said_.job_more = "ping_url_file: " + (folder_ / "ping").string();
  expect("ping.nightly", "unknown", "secret_file_missing", "create it with mode 0600");
}

TEST_F(Doctor, ScratchServerWithoutMarkerOrOfASource) {
  const auto drill_on = [&, scratch = said_.dsn](const std::string& marker) {
    said_.job_more =
        "schedule: \"@daily\"\ndrills:\n  weekly:\n    backup: nightly\n    scratch: "
        "{type: server, dsn: \"" +
        scratch + "\", marker_database: " + marker + "}";
  };
  drill_on("not_there");
  expect("scratch.weekly", "unknown", "scratch_is_source", "name another server");
  server_->execute("CREATE DATABASE wipe_me");
  drill_on("wipe_me");
  expect("scratch.weekly", "unknown", "scratch_is_source", "name another server");
  said_.dsn = "host=/nowhere dbname=app";
  EXPECT_EQ(line("scratch.weekly").status, "unknown") << "nobody said that it is another server";
}

TEST_F(Doctor, JobWithoutASchedule) {
  said_.job_more = "jobs: 1";
  expect("schedule.nightly", "warn", "", "add schedule:");
}

TEST_F(Doctor, StoreWhoseMountIsGone) {
  said_.store_path = (folder_ / "not" / "mounted").string();
  expect("store.local", "unknown", "file_not_found", "mount");
}

TEST_F(Doctor, StoreWhoseFolderOfTheJobCannotBeUsed) {
  const std::string folder = said_.store_path + "/nightly";
  std::ofstream(folder) << "no folder";
  expect("store.local", "fail", "store_not_writable", "chown");
  EXPECT_TRUE(line("store.local").next.ends_with(" " + folder)) << line("store.local").next;
}

TEST_F(Doctor, GivesAStoreToTheUserOfTheStateFolder) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a folder away";
  ASSERT_EQ(::chown(state().c_str(), 65534, 65534), 0);
  said_.store_path = write("file", "x", 0600);
  EXPECT_EQ(line("store.local").next, "chown nobody " + said_.store_path);
  said_.store_path = (folder_ / "new").string();
  EXPECT_EQ(line("store.local").next, "install -d -o nobody -m 700 " + said_.store_path);
}

TEST_F(Doctor, StoreThatIsNoFolder) {
  said_.store_path = write("file", "x", 0600);
  expect("store.local", "fail", "store_not_writable", "chown");
}

const std::string kMarker(32, '1');

TEST_F(Doctor, StoreOfAnotherStateFolder) {
  write("state/owner", std::string(32, 'a') + "\n", 0600);
  const store::Marker marker{kMarker, {std::string(32, 'b'), "elsewhere", "/var/lib/vigie"}, {}};
  write("store/.vigie-store", marker.text(), 0600);
  expect("store.local", "fail", "store_foreign", "vigie store adopt local --reason");
  EXPECT_THAT(line("store.local").detail, HasSubstr("elsewhere"));
  expect("backup.nightly.app", "fail", "store_foreign", "vigie store adopt local --reason");
}

TEST_F(Doctor, StoreWhoseDiskIsNotMounted) {
  {
    const auto catalogue = backup::Catalogue::open(folder_ / "state" / "state.db").value();
    ASSERT_TRUE(catalogue->remember_store("local", kMarker));
  }
  const auto before = std::filesystem::last_write_time(folder_ / "state" / "state.db");
  expect("store.local", "fail", "store_unreachable", "mount");
  EXPECT_EQ(std::filesystem::last_write_time(folder_ / "state" / "state.db"), before);
}

// The folder below the mount point is root's, as a rule: to make it Vigie's own mends nothing.
TEST_F(Doctor, StoreWhoseDiskIsNotMountedOverAFolderThatCannotBeUsed) {
  {
    const auto catalogue = backup::Catalogue::open(folder_ / "state" / "state.db").value();
    ASSERT_TRUE(catalogue->remember_store("local", kMarker));
  }
  std::ofstream(said_.store_path + "/nightly") << "no folder";
  expect("store.local", "fail", "store_unreachable", "mount");
}

TEST_F(Doctor, StoreOfOurOwn) {
  write("state/owner", std::string(32, 'a') + "\n", 0600);
  const store::Marker marker{kMarker, {std::string(32, 'a'), "here", state()}, {}};
  write("store/.vigie-store", marker.text(), 0600);
  EXPECT_EQ(line("store.local").status, "pass");
}

TEST_F(Doctor, StateThatIsDamaged) {
  write("state/state.db", std::string(4096, 'x'), 0600);
  expect("state", "fail", "file_corrupt", "state-damaged");
}

TEST_F(Doctor, NoCopyOffTheHost) {
  expect("copies.nightly", "warn", "no_copy_off_host", "a store on another host");
}

TEST_F(Doctor, ServerThatDoesNotAnswer) {
  said_.dsn = "host=/nowhere dbname=app";
  expect("backup.nightly.app", "fail", "database_unreachable", "systemctl status postgresql");
}

TEST_F(Doctor, ServerThatHangs) {
  clock_.waited = std::chrono::seconds(29);
  server_->signal_postmaster(SIGSTOP);
  const Line found = line("backup.nightly.app");
  server_->signal_postmaster(SIGCONT);
  EXPECT_EQ(found.code, "database_timeout");
  EXPECT_EQ(found.status, "fail");
  EXPECT_THAT(found.next, HasSubstr("systemctl status postgresql"));
}

TEST_F(Doctor, PoolerInBetween) {
  if (!PgBouncer::possible()) GTEST_SKIP() << "pgbouncer is not installed";
  const PgBouncer bouncer(*server_);
  said_.dsn = bouncer.dsn();
  expect("backup.nightly.app", "fail", "pooler_in_between", "point dsn at PostgreSQL itself");
}

TEST_F(Doctor, ServerOutsideTheTestedRange) {
  // One before 15 cannot play 18: it lacks what that is asked for.
  std::vector<const char*> majors{"12"};
  if (server_->major() >= 15) majors.push_back("18");
  for (const char* major : majors) {
    const testing::PgMasquerade other(*server_, major);
    said_.dsn = other.dsn();
    expect("backup.nightly.app", "warn", "unsupported_server", "see the manual, Platforms");
    EXPECT_THAT(line("backup.nightly.app", "unsupported_server").detail, HasSubstr(major));
  }
}

// As many rows of the catalog as there may be tables, and one more: tables themselves would take
// minutes.
TEST_F(Doctor, MoreTablesThanAreDumped) {
  server_->create_database("crowded");
  server_->execute("create table t(a int)", "crowded");
  server_->execute(
      "set allow_system_table_mods = on; insert into pg_class select copy.* from pg_class c, "
      "generate_series(1, 50000) g, jsonb_populate_record(c, jsonb_build_object('oid', 1000000 + "
      "g, "
      "'relname', 'copy_' || g)) copy where c.oid = 't'::regclass",
      "crowded");
  said_.dsn = server_->dsn("crowded");
  expect("backup.nightly.app", "fail", "tables_limit", "see the table of limits");
}

TEST_F(Doctor, RoleThatTheServerDoesNotKnow) {
  said_.dsn = server_->dsn("postgres", "nobody_at_all");
  expect("backup.nightly.app", "fail", "database_authentication",
         "vigie grants --role dump | sudo");
}

TEST_F(Doctor, DatabaseThatIsNotThere) {
  said_.dsn = server_->dsn("no_such_database");
  expect("backup.nightly.app", "fail", "database_missing", "correct dsn:");
}

TEST_F(Doctor, ClientsThatAreNotInstalled) {
  said_.database_more = "bindir: " + folder_.path().string();
  expect("backup.nightly.app", "unknown", "client_missing",
         "apt-get install postgresql-client-" + std::to_string(server_->major()));
}

TEST_F(Doctor, TablesThatTheRoleMayNotRead) {
  server_->create_database("hidden");
  server_->execute("create table t(a int)", "hidden");
  server_->create_role("reader");
  said_.dsn = server_->dsn("hidden", "reader");
  expect("backup.nightly.app", "fail", "table_not_readable", "vigie grants --role dump | sudo");
}

TEST_F(Doctor, RowsThatAPolicyHides) {
  server_->create_database("policies");
  server_->create_role("limited");
  server_->execute(
      "create table t(a int); alter table t enable row level security; grant select on t to "
      "limited",
      "policies");
  said_.dsn = server_->dsn("policies", "limited");
  expect("backup.nightly.app", "fail", "row_security_applies", "vigie grants --role dump | sudo");
}

TEST_F(Doctor, MoreLargeObjectsThanAreDumped) {
  server_->create_database("large");
  server_->execute("select lo_create(0)", "large");
  said_.dsn = server_->dsn("large");
  said_.job_more = "large_objects_limit: 0";
  expect("backup.nightly.app", "fail", "large_objects_limit", "");
}

TEST_F(Doctor, StoreBelowItsReserve) {
  said_.reserve = "90%";
  expect("backup.nightly.app", "fail", "space_reserve", "vigie backup prune --dry-run");
}

TEST_F(Doctor, StoreBesideTheDatabase) {
  expect("backup.nightly.app", "warn", "store_beside_data", "another disk");
}

}  // namespace
}  // namespace vigie::cli
