// A whole backup, its verification and its expiry on a disk that fails at every step, or loses
// power: what a restart finds is the old state or the new one.
#include "backup/room.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "tests/support/backup_room.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/faulty_sqlite.h"
#include "tests/support/pg_cluster.h"

namespace vigie::backup {
namespace {

using testing::Fault;
using testing::FaultyFileSystem;
using testing::FaultySqlite;
using testing::PgCluster;
using testing::TempFolder;
using namespace std::chrono_literals;

// Deadlines are real ones, since PostgreSQL is; the hour of a backup is the test's.
class ShiftedClock final : public platform::Clock {
 public:
  explicit ShiftedClock(Duration shift) : shift_(shift) {}
  SystemTime now() const override { return real_.now() + shift_; }
  MonoTime monotonic() const override { return real_.monotonic(); }
  bool sleep_until(MonoTime deadline, std::stop_token stop) const override {
    return real_.sleep_until(deadline, std::move(stop));
  }

 private:
  platform::RealClock real_;
  Duration shift_;
};

Work some_work() {
  Work work;
  work.run = new_run_id();
  work.correlation = new_correlation_id();
  work.trigger.by = "schedule";
  return work;
}

// One life of the process: the room, its store and its ledger, on a given disk.
class Life {
 public:
  Life(platform::FileSystem& files, const platform::Path& disk, const platform::Path& state,
       const PgCluster& server, int keep, Duration hour = 0h, bool tidies = true)
      : files_(files), server_(server), clock_(hour) {
    // The reserve is written anew by each life that finds none: a small one is one all the same.
    auto ledger = ledger::Ledger::open(files, disk / "ledger", clock_, {.reserve = 64_KiB});
    if (!ledger) return;
    ledger_ = std::move(*ledger);
    store_ = store::make_local_store(files, "local", disk / "artefacts");
    auto room = BackupRoom::open(tools(state / "staging"), state / "state.db", setup(server, keep));
    if (!room) return;
    room_ = std::move(*room);
    begun_ = room_->prepare().has_value();
    if (!tidies) return;
    begun_ = begun_ && room_->clean_stores(some_work()) && room_->reconcile(some_work());
  }

  bool begun() const { return begun_; }
  void keep(int count) { room_->configure(setup(server_, count)); }
  BackupRoom& room() { return *room_; }
  store::Store& store() { return *store_; }
  ledger::Ledger& ledger() { return *ledger_; }

  std::vector<BackupId> known() {
    std::vector<BackupId> ids;
    for (const ArtefactView& one : room_->view()->artefacts) ids.push_back(one.id);
    return ids;
  }

  // The manifest's hash in the ledger; empty when it does not know the artefact.
  std::string recorded(const BackupId& id) const {
    const auto found = find_recorded(id);
    EXPECT_TRUE(found) << found.error().detail(Audience::operators);
    return found && *found ? **found : "";
  }
  // Also asked for by a room whose disk is gone.
  Result<std::optional<std::string>> find_recorded(const BackupId& id) const {
    std::string sha256;
    ledger::Filter filter;
    filter.backup = id.str();
    TRY(ledger_->for_each(filter, [&](const json::object& entry) {
      const std::string_view kind = entry.at("kind").as_string();
      if (kind == ledger::kind::kBackup || kind == ledger::kind::kRecovered)
        sha256 = entry.at("artefacts").as_array().at(0).as_object().at("sha256").as_string();
      return sha256.empty();
    }));
    return sha256.empty() ? std::nullopt : std::optional(sha256);
  }

  // The artefacts that entries of `kind` speak of.
  std::set<std::string> named_by(std::string_view kind) const {
    std::set<std::string> names;
    ledger::Filter filter;
    filter.kind = std::string(kind);
    EXPECT_TRUE(ledger_->for_each(filter, [&](const json::object& entry) {
      for (const json::value& one : entry.at("artefacts").as_array())
        names.emplace(one.as_object().at("name").as_string());
      return true;
    }));
    return names;
  }

 private:
  RoomTools tools(const platform::Path& staging) {
    return {{files_, *processes_, *postgres_, clock_, "test"},
            *http_,
            [this](const ledger::Entry& entry) -> Result<> {
              TRY(ledger_->append(entry));
              return {};
            },
            [this](const BackupId& id) { return find_recorded(id); },
            [](std::string_view, const Error&) {},
            staging};
  }

  SetupPtr setup(const PgCluster& server, int keep) {
    BackupJobOptions job;
    job.name = "nightly";
    job.databases = {"app"};
    job.store = "local";
    job.jobs = 1;
    job.globals = Globals::none;
    job.retention = {keep, 0, 0, 0, 0, 0, 2};
    job.give_way.after = 0s;
    auto setup = setup_of(job, store_, job.store);
    DatabaseOptions database;
    database.name = "app";
    database.dsn = server.named_dsn();
    database.dsn.name = "app";
    database.bindir = server.bindir().string();
    setup->databases.push_back(database);
    return setup;
  }

  platform::FileSystem& files_;
  const PgCluster& server_;
  ShiftedClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
  std::unique_ptr<ledger::Ledger> ledger_;
  std::shared_ptr<store::Store> store_;
  std::unique_ptr<BackupRoom> room_;
  bool begun_ = false;
};

// A disk and a state folder that a test may ruin.
struct Machine {
  TempFolder folder;
  platform::Path disk = folder / "disk";
  platform::Path state = folder / "state";
  Machine() {
    std::filesystem::create_directory(disk);
    std::filesystem::create_directory(state);
  }
  explicit Machine(const Machine& other) {
    const auto all = std::filesystem::copy_options::recursive;
    std::filesystem::copy(other.disk, disk, all);
    std::filesystem::copy(other.state, state, all);
  }
};

constexpr int kBefore = 3;

// A server, and what three backups of it have left: made once for all tests.
struct Before {
  PgCluster server;
  Machine machine;
  std::vector<BackupId> backups;

  Before() {
    server.execute("CREATE TABLE a AS SELECT g, 'row ' || g AS t FROM generate_series(1, 500) g");
    for (int hour = -kBefore; hour < 0; ++hour) {
      Life life(platform::real_file_system(), machine.disk, machine.state, server, kBefore,
                std::chrono::hours(hour));
      EXPECT_TRUE(life.begun());
      const Outcome outcome = life.room().back_up("nightly", some_work());
      EXPECT_FALSE(outcome.error) << outcome.error->detail(Audience::operators);
      backups = life.known();
    }
  }
};
std::unique_ptr<Before> before;

class ForgetBefore final : public ::testing::Environment {
 public:
  void TearDown() override { before.reset(); }
};
[[maybe_unused]] const auto* const kForget = ::testing::AddGlobalTestEnvironment(new ForgetBefore);

class RoomOnPostgres : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!before) before = std::make_unique<Before>();
    ASSERT_EQ(before->backups.size(), size_t{kBefore});
  }

  // A backup with its verification and expiry, one more verification, one more expiry.
  // True when the backup went well.
  static bool work(platform::FileSystem& files, const Machine& machine) {
    Life life(files, machine.disk, machine.state, before->server, 2);
    if (!life.begun()) return false;
    const bool good = !life.room().back_up("nightly", some_work()).error;
    (void)life.room().verify(before->backups.back(), VerifyMode::full, some_work());
    (void)life.room().prune(std::nullopt, some_work());
    return good;
  }

  // What must be so after any crash.
  static void check(const Machine& machine, bool went_well) {
    Life life(platform::real_file_system(), machine.disk, machine.state, before->server, 2);
    ASSERT_TRUE(life.begun());
    const auto there = life.store().list();
    ASSERT_TRUE(there);
    EXPECT_EQ(life.known(), *there) << "the catalogue is what the store holds";
    EXPECT_TRUE(life.store().debris()->empty());
    EXPECT_TRUE(std::filesystem::is_empty(machine.state / "staging"));
    EXPECT_FALSE(life.ledger().view()->damaged());
    check_each(life, *there);
    check_nothing_is_lost(life, *there, went_well);
  }

  static void check_each(Life& life, const std::vector<BackupId>& there) {
    for (const BackupId& id : there) {
      const Outcome verified = life.room().verify(id, VerifyMode::full, some_work());
      EXPECT_EQ(verified.verdict, Verdict::passed) << id.str();
      EXPECT_FALSE(life.recorded(id).empty()) << id.str() << " has no entry in the ledger";
    }
  }

  static void check_nothing_is_lost(Life& life, const std::vector<BackupId>& there,
                                    bool went_well) {
    const std::set<BackupId> kept(there.begin(), there.end());
    const auto expired = life.named_by(ledger::kind::kRetention);
    const bool has_new = !there.empty() && there.back() > before->backups.back();
    EXPECT_TRUE(has_new || !went_well) << "it was said to be good";
    EXPECT_TRUE(kept.contains(before->backups[2]));
    EXPECT_TRUE(has_new || kept.contains(before->backups[1]));
    for (const BackupId& id : before->backups)
      EXPECT_TRUE(kept.contains(id) || expired.contains(id.str())) << id.str() << " is lost";
    for (const std::string& id : life.named_by(ledger::kind::kBackup)) {
      const auto parsed = BackupId::parse(id);
      EXPECT_TRUE(kept.contains(*parsed) || expired.contains(id)) << id << " is lost";
    }
  }
};

TEST_F(RoomOnPostgres, AWholeRunLeavesNewestTwo) {
  const Machine machine(before->machine);
  EXPECT_TRUE(work(platform::real_file_system(), machine));
  check(machine, true);
  Life life(platform::real_file_system(), machine.disk, machine.state, before->server, 2);
  EXPECT_EQ(life.known().size(), 2U);
  EXPECT_EQ(life.room().view()->artefacts.back().source_check, "passed");
}

TEST_F(RoomOnPostgres, APreflightOfItsOwnTellsWhatABackupWouldFindAndTakesNone) {
  const Machine machine(before->machine);
  Life life(platform::real_file_system(), machine.disk, machine.state, before->server, 2);
  const Outcome passed = life.room().preflight("nightly", some_work());
  EXPECT_FALSE(passed.error);
  before->server.stop();
  const Outcome outcome = life.room().preflight("nightly", some_work());
  before->server.start();
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code(), ErrorCode::database_unreachable);
  std::vector<std::string> results;
  std::vector<size_t> warnings;
  ledger::Filter filter;
  filter.kind = std::string(ledger::kind::kPreflight);
  EXPECT_TRUE(life.ledger().for_each(filter, [&](const json::object& entry) {
    results.emplace_back(entry.at("result").as_string());
    warnings.push_back(entry.at("deviations").as_array().size());
    return true;
  }));
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(passed.result.at("warnings").as_array().size(), warnings.at(0));
  EXPECT_EQ(results.front(), "passed");
  EXPECT_NE(results.back(), "passed");
  EXPECT_EQ(life.known().size(), size_t{kBefore});
}

TEST_F(RoomOnPostgres, WhatExpiresAfterARunIsDecidedByTheConfigurationInForceThen) {
  const Machine machine(before->machine);
  Life life(platform::real_file_system(), machine.disk, machine.state, before->server, 2);
  ASSERT_TRUE(life.begun());
  Work work = some_work();
  work.progress = [&](const WorkProgress& progress) {
    if (progress.phase == "publish") life.keep(10);
  };
  EXPECT_EQ(life.room().back_up("nightly", work).verdict, Verdict::passed);
  EXPECT_EQ(life.known().size(), size_t{kBefore} + 1);
}

// The state folder was lost, and a backup is due before anybody has looked at the stores.
TEST_F(RoomOnPostgres, AFirstBackupIsComparedWithWhatItsStoreHolds) {
  const Machine machine(before->machine);
  for (const char* name : {"state.db", "state.db-wal", "state.db-shm"})
    std::filesystem::remove(machine.state / name);
  before->server.execute("CREATE TABLE kept AS SELECT * FROM a; TRUNCATE a");
  Life life(platform::real_file_system(), machine.disk, machine.state, before->server, 2, 0h,
            false);
  const Outcome outcome = life.room().back_up("nightly", some_work());
  before->server.execute("INSERT INTO a SELECT * FROM kept; DROP TABLE kept");
  EXPECT_EQ(outcome.verdict, Verdict::passed);
  const auto& alarm = life.room().view()->jobs.at(0).databases.at(0).alarm;
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->backup, life.known().back());
  EXPECT_EQ(outcome.result.at("alarms").as_array().size(), 1U) << "the run says so as well";
  EXPECT_EQ(life.known().size(), size_t{kBefore} + 1) << "and nothing expires";
}

// A disk that is as large as it is told to be.
class SizedDisk final : public platform::ForwardingFileSystem {
 public:
  explicit SizedDisk(platform::Path folder)
      : ForwardingFileSystem(platform::real_file_system()), folder_(std::move(folder)) {}

  uint64_t used() const {
    uint64_t sum = 0;
    std::error_code gone;  // what a run removes meanwhile
    for (std::filesystem::recursive_directory_iterator one(folder_, gone), end; one != end;
         one.increment(gone)) {
      const auto size = one->is_regular_file(gone) ? one->file_size(gone) : 0;
      if (size != static_cast<uintmax_t>(-1)) sum += size;
    }
    return sum;
  }
  void resize(uint64_t size) { size_ = size; }
  Result<platform::Space> space(const platform::Path&) override {
    return platform::Space{{size_}, {size_ - std::min(size_, used())}};
  }

 private:
  platform::Path folder_;
  uint64_t size_ = UINT64_C(1) << 40;
};

TEST_F(RoomOnPostgres, RoomIsMadeBeforeADumpThatWouldNotFit) {
  const Machine machine(before->machine);
  SizedDisk files(machine.disk / "artefacts");
  Life life(files, machine.disk, machine.state, before->server, 2);
  ASSERT_TRUE(life.begun());
  const uint64_t one = life.room().view()->artefacts.back().stored.count;
  files.resize(files.used() + (uint64_t{1} << 20) + one / 2);  // the reserve, and half a backup
  const uint64_t entries = life.ledger().view()->last_seq;
  EXPECT_EQ(life.room().back_up("nightly", some_work()).verdict, Verdict::passed);
  std::vector<std::string> kinds;
  ledger::Filter since;
  since.after_seq = entries;
  EXPECT_TRUE(life.ledger().for_each(since, [&](const json::object& entry) {
    kinds.emplace_back(entry.at("kind").as_string());
    return true;
  }));
  ASSERT_GE(kinds.size(), 2U);
  EXPECT_EQ(kinds[0], ledger::kind::kRetention);
  EXPECT_EQ(kinds[1], ledger::kind::kBackup);
  EXPECT_EQ(life.known().size(), 2U);
}

TEST_F(RoomOnPostgres, ADiskThatIsFullIsTriedAgainOnceWhatHadExpiredIsGone) {
  const Machine machine(before->machine);
  FaultyFileSystem files(machine.disk);
  Life life(files, machine.disk, machine.state, before->server, 2);
  ASSERT_TRUE(life.begun());
  files.fail_once(files.calls() + 1, Fault::disk_full);
  const Outcome outcome = life.room().back_up("nightly", some_work());
  EXPECT_EQ(outcome.verdict, Verdict::passed);
  EXPECT_EQ(life.known().size(), 2U);
  EXPECT_EQ(life.named_by(ledger::kind::kRetention).size(), 2U) << "one before, one after";
  check(machine, true);
}

// Each mutating call of the work fails once in each way. CTest's shards share them by parts.
constexpr size_t kParts = 4;

class RoomAtEachCall : public RoomOnPostgres, public ::testing::WithParamInterface<size_t> {
 protected:
  // What is done on each machine at each call of this part, and then checked.
  using Try = std::function<bool(const Machine&, size_t)>;
  static void at_each(size_t calls, const Try& attempt) {
    ASSERT_GT(calls, 30U);
    for (size_t n = GetParam(); n < calls; n += kParts) {
      SCOPED_TRACE("call " + std::to_string(n) + " of " + std::to_string(calls));
      const Machine machine(before->machine);
      const bool went_well = attempt(machine, n);
      check(machine, went_well);
      if (HasFailure()) return;
    }
  }

  // A call to a file fails, by `arm`; then the power goes.
  static void fail_files(const std::function<void(FaultyFileSystem&, size_t)>& arm, uint64_t seed) {
    static const size_t calls = [] {
      const Machine machine(before->machine);
      FaultyFileSystem files(machine.disk);
      EXPECT_TRUE(work(files, machine));
      return files.calls();
    }();
    at_each(calls, [&](const Machine& machine, size_t n) {
      FaultyFileSystem files(machine.disk);
      arm(files, n);
      const bool went_well = work(files, machine);
      files.crash(seed == 0 ? 0 : seed + n);
      return went_well;
    });
  }

  // The same for what SQLite writes: the catalogue.
  static void fail_state(Fault fault, bool stays) {
    static const size_t calls = [] {
      const Machine machine(before->machine);
      const FaultySqlite sqlite(machine.state);
      EXPECT_TRUE(work(platform::real_file_system(), machine));
      return sqlite.calls();
    }();
    at_each(calls, [&](const Machine& machine, size_t n) {
      FaultySqlite sqlite(machine.state);
      stays ? sqlite.fail_from(n, fault) : sqlite.fail_once(n, fault);
      return work(platform::real_file_system(), machine);
    });
  }
};

INSTANTIATE_TEST_SUITE_P(Part, RoomAtEachCall, ::testing::Range(size_t{0}, kParts));

TEST_P(RoomAtEachCall, AFullDiskLosesNothing) {
  fail_files([](FaultyFileSystem& files, size_t n) { files.fail_once(n, Fault::disk_full); }, 0);
}

TEST_P(RoomAtEachCall, AFailingDiskLosesNothing) {
  fail_files([](FaultyFileSystem& files, size_t n) { files.fail_once(n, Fault::io); }, 7);
}

TEST_P(RoomAtEachCall, ADiskThatStaysFullLosesNothing) {
  fail_files([](FaultyFileSystem& files, size_t n) { files.fail_from(n, Fault::disk_full); }, 0);
}

TEST_P(RoomAtEachCall, LosingPowerLosesNothing) {
  fail_files([](FaultyFileSystem& files, size_t n) { files.fail_from(n, Fault::power); }, 11);
}

TEST_P(RoomAtEachCall, AStateThatFindsNoSpaceLosesNothing) {
  fail_state(Fault::disk_full, false);
}

TEST_P(RoomAtEachCall, AStateThatCannotBeWrittenLosesNothing) {
  fail_state(Fault::io, false);
}

TEST_P(RoomAtEachCall, AStateThatStaysFullLosesNothing) {
  fail_state(Fault::disk_full, true);
}

TEST_P(RoomAtEachCall, AStateThatStaysBrokenLosesNothing) {
  fail_state(Fault::io, true);
}

}  // namespace
}  // namespace vigie::backup
