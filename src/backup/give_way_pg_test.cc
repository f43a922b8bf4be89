// Who waits behind a run on a real PostgreSQL, and that it stands aside for them.
#include "backup/give_way.h"

#include <gtest/gtest.h>

#include <future>

#include "backup/take.h"
#include "store/local/local_store.h"
#include "tests/support/mailbox.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;
using platform::PgConnection;
using platform::PgRows;

// Counts of the source check take a minute: they hold their locks meanwhile.
class SlowCounts final : public PgConnection {
 public:
  explicit SlowCounts(std::unique_ptr<PgConnection> real) : real_(std::move(real)) {}
  Result<std::unique_ptr<PgRows>> query(std::string_view sql, const CallLimits& limits) override {
    std::string text(sql);
    if (text.find("count(*) from only") != std::string::npos)
      text += " union all select 0::oid, count(*) from (select pg_sleep(60)) s";
    return real_->query(text, limits);
  }
  Result<std::unique_ptr<PgRows>> query(std::string_view sql,
                                        const std::vector<std::optional<std::string>>& parameters,
                                        const CallLimits& limits) override {
    return real_->query(sql, parameters, limits);
  }
  Result<> copy_out(std::string_view sql, const std::function<bool(std::string_view)>& sink,
                    const CallLimits& limits) override {
    return real_->copy_out(sql, sink, limits);
  }
  int server_version() const override { return real_->server_version(); }
  int backend_pid() const override { return real_->backend_pid(); }
  std::string parameter_status(std::string_view name) const override {
    return real_->parameter_status(name);
  }

 private:
  std::unique_ptr<PgConnection> real_;
};

class SlowConnector final : public platform::PgConnector {
 public:
  Result<std::unique_ptr<PgConnection>> connect(const platform::Dsn& dsn,
                                                std::string_view application_name,
                                                const CallLimits& limits) override {
    TRY_ASSIGN(auto session, real_->connect(dsn, application_name, limits));
    return std::make_unique<SlowCounts>(std::move(session));
  }

 private:
  std::unique_ptr<platform::PgConnector> real_ = platform::make_pg_connector();
};

class GiveWayTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<testing::PgCluster>(); }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override { server_->execute("drop table if exists t; create table t(i int)"); }

  static CallLimits limits() { return {std::chrono::steady_clock::now() + 60s, {}}; }
  std::unique_ptr<PgConnection> session(const std::string& name) {
    return *connector_->connect(server_->named_dsn(), name, limits());
  }
  // Asks for it in a thread of its own, and waits until it waits.
  std::future<bool> wait_for_a_lock(PgConnection& session) {
    auto locked = std::async(std::launch::async, [&session] {
      return session.query("lock table public.t in access exclusive mode", limits()).has_value();
    });
    EXPECT_TRUE(comes("select count(*) from pg_locks where not granted"));
    return locked;
  }
  // One row is there, asked again and again for a minute.
  static bool comes(const std::string& count) {
    const auto limit = std::chrono::steady_clock::now() + 1min;
    while (server_->value(count) != "1") {
      if (std::chrono::steady_clock::now() > limit) return false;
    }
    return true;
  }

  static std::unique_ptr<testing::PgCluster> server_;
  std::unique_ptr<platform::PgConnector> connector_ = platform::make_pg_connector();
  const RunId run_ = new_run_id();
};
std::unique_ptr<testing::PgCluster> GiveWayTest::server_;

TEST_F(GiveWayTest, SeesWhoWaitsBehindAnySessionOfTheRun) {
  const auto looks = session("vigie give way");
  for (const std::string& name : {run_.str(), "vigie " + run_.str()}) {
    const auto own = session(name);
    ASSERT_TRUE(own->query("begin; select from public.t", limits()));
    const auto other = session("alters");
    ASSERT_TRUE(other->query("begin", limits()));
    auto locked = wait_for_a_lock(*other);
    EXPECT_EQ(*waiting_behind(*looks, run_, limits()), std::vector{other->backend_pid()}) << name;
    EXPECT_TRUE(waiting_behind(*looks, new_run_id(), limits())->empty());
    ASSERT_TRUE(own->query("rollback", limits()));
    EXPECT_TRUE(locked.get());
  }
}

TEST_F(GiveWayTest, ASessionOfTheRunIsNotOneThatWaits) {
  const auto looks = session("vigie give way");
  const auto dump = session(run_.str());
  ASSERT_TRUE(dump->query("begin; lock table public.t in access exclusive mode", limits()));
  const auto check = session("vigie " + run_.str());
  ASSERT_TRUE(check->query("begin", limits()));
  auto locked = wait_for_a_lock(*check);
  EXPECT_TRUE(waiting_behind(*looks, run_, limits())->empty());
  ASSERT_TRUE(dump->query("rollback", limits()));
  EXPECT_TRUE(locked.get());
}

// A whole backup whose source check takes a minute.
class SlowCheckTest : public GiveWayTest {
 protected:
  Result<Taken> take(Globals globals = Globals::none,
                     SourceCheck source_check = SourceCheck::counts) {
    DatabaseOptions database;
    database.name = "app";
    database.dsn = server_->named_dsn();
    database.bindir = server_->bindir().string();
    BackupJobOptions job;
    job.name = "nightly";
    job.jobs = 1;
    job.globals = globals;
    job.source_check = source_check;
    job.lock_wait_timeout = 1min;
    job.give_way = {1s, 0};
    Work work;
    work.run = run_;
    work.correlation = new_correlation_id();
    work.progress = [this](const WorkProgress& progress) {
      phases_.put(std::string(progress.phase));
    };
    const platform::RealClock clock;
    const auto processes = platform::make_process_runner();
    const auto store =
        store::make_local_store(platform::real_file_system(), "local", folder_ / "artefacts");
    store::Reserve reserve;
    reserve.bytes = 1_MiB;
    SlowConnector slow;
    return take_backup({database, job, *store, reserve, std::nullopt, folder_ / "staging"},
                       {platform::real_file_system(), *processes, slow, clock, "test"}, work);
  }

  testing::TempFolder folder_;
  testing::Mailbox<std::string> phases_;
};

TEST_F(SlowCheckTest, TheSourceCheckStandsAsideAndTheBackupIsKept) {
  auto taken = std::async(std::launch::async, [&] { return take(); });
  // The dump has ended, and the counts have not.
  while (*phases_.take() != "source check") continue;
  const auto other = session("alters");
  const auto altered = other->query("alter table public.t add column j int",
                                    {std::chrono::steady_clock::now() + 30s, {}});
  EXPECT_TRUE(altered) << "it waited for the whole check";
  const auto result = taken.get();
  ASSERT_TRUE(result) << result.error().detail(Audience::operators);
  EXPECT_EQ(result->manifest.source_check.result, "could_not_verify");
  EXPECT_TRUE(result->check_gave_way);
  EXPECT_EQ(result->gave_way, 0);
}

// The server ends the session that watches, and the dump goes on.
TEST_F(SlowCheckTest, GivesWayAlsoWhenTheWatchHadToConnectAgain) {
  server_->execute("create table if not exists u(i int)");
  auto blocker = server_->lock_table("u");
  auto taken =
      std::async(std::launch::async, [&] { return take(Globals::none, SourceCheck::none); });
  ASSERT_TRUE(comes("select count(*) from pg_locks where not granted")) << "it holds t, wants u";
  const std::string watch = " from pg_stat_activity where application_name = 'vigie give way'";
  ASSERT_TRUE(comes("select count(*)" + watch));
  ASSERT_EQ(server_->value("select count(pg_terminate_backend(pid))" + watch), "1");
  const auto other = session("alters");
  EXPECT_TRUE(other->query("alter table public.t add column k int",
                           {std::chrono::steady_clock::now() + 30s, {}}))
      << "it waited for the whole dump";
  blocker.reset();
  const auto result = taken.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::dump_gave_way);
}

TEST_F(SlowCheckTest, TheGlobalsSessionIsOneOfTheRun) {
  auto blocker = session("blocker");
  ASSERT_TRUE(blocker->query(
      "begin; lock table pg_catalog.pg_auth_members in access exclusive mode", limits()));
  auto taken = std::async(std::launch::async,
                          [&] { return take(Globals::with_passwords, SourceCheck::none); });
  EXPECT_TRUE(comes("select count(*) from pg_stat_activity where application_name = '" +
                    run_.str() +
                    "' and query like '%pg_auth_members%' and wait_event_type = 'Lock'"));
  blocker.reset();
  EXPECT_TRUE(taken.get());
}

}  // namespace
}  // namespace vigie::backup
