// Proofs with a fault, in this process and against a real server: what they leave behind, and the
// comparison that a machine's restart is owed.
#include "proof/durability.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <functional>
#include <thread>

#include "platform/http_client.h"
#include "proof/evidence.h"
#include "proof/leftovers.h"
#include "proof/reboot.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using ::testing::SizeIs;

class FaultTest : public ::testing::Test {
 protected:
  FaultTest() : server_({.fsync = true}) {
    server_.create_database("vigie_witness");
    options_.name = "proof";
    options_.database = "app";
    options_.writers = 2;
    options_.duration = 300ms;
    options_.fault = Fault::command;
    options_.command = {"/bin/true"};
    options_.recovery_timeout = 1s;
  }
  Work new_work() {
    Work work;
    work.run = new_run_id();
    work.stop = stop_.get_token();
    return work;
  }
  DurabilityRequest request() {
    return {options_, server_.named_dsn(), folder_ / "witness", folder_ / "durability"};
  }
  DurabilityReport prove() {
    last_ = new_work();
    return prove_durability(request(), tools_, last_);
  }
  std::vector<std::string> logs() {
    std::vector<std::string> names;
    const auto entries = tools_.files.list(folder_ / "witness");
    for (const platform::Entry& one : *entries) names.push_back(one.name);
    return names;
  }
  std::string tables() {
    return server_.value(
        "SELECT string_agg(relname, ',') FROM pg_class WHERE relname LIKE 'run%' AND relkind = 'r'",
        "vigie_witness");
  }
  std::string log_of_last() const { return last_.run.str() + ".log"; }
  static std::string code(const DurabilityReport& report) {
    return report.error ? std::string(report.error->info().name) : "passed";
  }
  template <class Condition>
  void wait_until(Condition condition, const std::stop_token& over) {
    while (!condition() && !over.stop_requested())
      clock_.sleep_until(clock_.monotonic() + 10ms, over);
  }
  // Until the machine would go: the server dies with it, and so does this process.
  DurabilityReport prove_by_reboot() {
    options_.fault = Fault::node_reboot;
    options_.reboot = {"/usr/bin/touch", folder_ / "asked"};
    options_.recovery_timeout = 1min;
    const std::jthread machine([this](const std::stop_token& over) {
      wait_until([&] { return std::filesystem::exists(folder_ / "asked"); }, over);
      server_.kill9();
      stop_.request_stop();
    });
    return prove();
  }
  // The fault is a command: it waits until somebody has done `act` beside it, and the server was
  // killed and started.
  std::jthread restart_by_command(std::function<void(const std::stop_token&)> act,
                                  const std::string& then = "SELECT 1") {
    options_.command = {"/bin/sh", "-c", "touch \"$0/asked\"; read line <\"$0/done\"",
                        folder_.path().string()};
    options_.recovery_timeout = 1min;
    EXPECT_EQ(::mkfifo((folder_ / "done").c_str(), 0600), 0);
    return std::jthread([this, act = std::move(act), then](const std::stop_token& over) {
      wait_until([&] { return std::filesystem::exists(folder_ / "asked"); }, over);
      if (over.stop_requested()) return;
      act(over);
      if (over.stop_requested()) return;
      server_.kill9();
      server_.start();
      server_.execute(then);
      // Also for reading: else it would wait for a reader that may be gone.
      std::fstream done(folder_ / "done", std::ios::in | std::ios::out);
      done << "done\n" << std::flush;
      wait_until([] { return false; }, over);  // until it has been read
    });
  }
  // In force in each session from its next statement on.
  void set(std::string_view setting, std::string_view value, const std::stop_token& over) {
    server_.execute(fmt::format("ALTER SYSTEM SET {} = {}", setting, value));
    server_.execute("SELECT pg_reload_conf()");
    wait_until([&] { return server_.value(fmt::format("SHOW {}", setting)) == value; }, over);
  }
  int rows_of_slowest() {
    return std::stoi(server_.value("SELECT min(n) FROM (SELECT count(*) AS n FROM public." +
                                       tables() + " GROUP BY writer) each",
                                   "vigie_witness"));
  }
  void machine_is_back() {
    server_.start();
    boot_id_ = "boot-2";
    stop_ = std::stop_source();
  }
  DurabilityReport settle() {
    const auto owed = OwedReboots(tools_.files, folder_ / "durability").read("proof");
    const Work work = new_work();
    auto report = settle_reboot(request(), *owed, tools_, work);
    EXPECT_TRUE(clear_reboot(request(), *owed, *report, tools_, work));
    return std::move(*report);
  }

  testing::PgCluster server_;
  testing::TempFolder folder_;
  platform::RealClock clock_;
  std::stop_source stop_;
  std::string boot_id_ = "boot-1";
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client(1);
  DurabilityTools tools_{platform::real_file_system(), *processes_, *postgres_, clock_, *http_,
                         [this] { return boot_id_; }};
  DurabilityOptions options_;
  Work last_;
};

TEST_F(FaultTest, WhatCameToNoVerdictIsClearedAwayByTheNextProof) {
  EXPECT_EQ(code(prove()), "durability_fault");
  EXPECT_THAT(logs(), ElementsAre(log_of_last()));
  server_.execute("CREATE TABLE public.run_of_somebody ()", "vigie_witness");
  const std::string first = tables();
  EXPECT_EQ(code(prove()), "durability_fault");
  EXPECT_THAT(logs(), ElementsAre(log_of_last()));
  EXPECT_THAT(tables(), HasSubstr(proof_table(last_.run.str())));
  EXPECT_THAT(tables(), HasSubstr("run_of_somebody")) << "it has no log here";
  EXPECT_EQ(std::ranges::count(tables(), ','), 1) << tables() << " and before " << first;
}

TEST_F(FaultTest, AServerThatAnswersAsBeforeWasNotInterrupted) {
  EXPECT_THAT(prove().error->detail(Audience::everybody), HasSubstr("has not ended"));
}

// It says nothing of the server's durability.
TEST_F(FaultTest, WhatNeverBeganIsNoVerdict) {
  options_.user = "nobody_has_made_it";
  EXPECT_EQ(code(prove()), "database_authentication");
  EXPECT_EQ(verdict_on_server(*prove().error), Verdict::could_not_verify);
  options_.user.clear();
  server_.stop();
  EXPECT_EQ(code(prove()), "database_unreachable");
  const auto report = prove();
  EXPECT_EQ(verdict_on_server(*report.error), Verdict::could_not_verify);
  const auto entry = evidence::durability_proved(options_, report, last_, {}, {});
  EXPECT_EQ(entry.result, ledger::Outcome::could_not_verify);
  server_.start();
}

// Nobody can write there either: that is not the worse news.
TEST_F(FaultTest, AWitnessWhoseDatabaseIsGoneHasLostItsRows) {
  const auto machine =
      restart_by_command([](const std::stop_token&) {}, "DROP DATABASE vigie_witness WITH (FORCE)");
  const auto report = prove();
  EXPECT_EQ(code(report), "durability_lost");
  EXPECT_THAT(report.error->detail(Audience::everybody), HasSubstr("database of the witness"));
  EXPECT_EQ(verdict_on_server(*report.error), Verdict::failed);
  EXPECT_THAT(logs(), ElementsAre(last_.run.str() + ".wrong.log")) << "for whoever looks";
}

TEST(AsLoss, IsWhatTheServerCannotReadAnyMore) {
  WitnessRecord record;
  record.acknowledged[1] = {1, 2};
  const auto of = [&](const char* sqlstate) {
    const Error error(ErrorCode::database_query, {{"sqlstate", sqlstate}});
    return as_loss(error, "proof", record);
  };
  for (const char* sqlstate : {"XX001", "XX002", "58P01", "58030"}) {
    EXPECT_EQ(of(sqlstate).code(), ErrorCode::durability_lost) << sqlstate;
    EXPECT_THAT(of(sqlstate).detail(Audience::everybody), HasSubstr("of 2 acknowledged"))
        << sqlstate;
  }
  EXPECT_EQ(of("57014").code(), ErrorCode::database_query);
}

TEST_F(FaultTest, WrongRowsAndWhatAnotherServerMayHoldStay) {
  ASSERT_TRUE(tools_.files.create_folder(folder_ / "witness", 0700));
  const std::string wrong(32, 'a');
  const std::string elsewhere(32, 'b');
  for (const std::string& run : {wrong, elsewhere})
    ASSERT_TRUE(platform::write_file_new(tools_.files, proof_log(folder_ / "witness", run), "x\n"));
  ASSERT_TRUE(keep_log(tools_.files, folder_ / "witness", wrong));
  server_.execute("CREATE TABLE public." + proof_table(wrong) + " ()", "vigie_witness");
  EXPECT_EQ(code(prove()), "durability_fault");
  EXPECT_THAT(logs(), Contains(wrong + ".wrong.log"));
  EXPECT_THAT(tables(), HasSubstr(proof_table(wrong)));
  EXPECT_THAT(logs(), Contains(elsewhere + ".log"));
  std::filesystem::last_write_time(proof_log(folder_ / "witness", elsewhere),
                                   std::filesystem::file_time_type::clock::now() - 31 * 24h);
  EXPECT_EQ(code(prove()), "durability_fault");
  EXPECT_THAT(logs(), ::testing::Not(Contains(elsewhere + ".log")));
}

TEST_F(FaultTest, ItTellsHowFastTheDiskSyncs) {
  const auto report = prove();
  EXPECT_GT(report.durations.at("log_sync"), Duration{0});
}

TEST_F(FaultTest, ItTellsWhoseCommitsAreNotDurableAndThatDamageWouldNotBeSeen) {
  server_.create_role("clerk");
  server_.execute(
      "ALTER ROLE clerk SET synchronous_commit = off;"
      "ALTER ROLE postgres SET synchronous_commit = on;"
      "ALTER DATABASE postgres SET synchronous_commit = local");
  EXPECT_THAT(
      prove().deviations,
      IsSupersetOf({"data checksums are off", "synchronous_commit is set for role clerk: off",
                    "synchronous_commit is set for database postgres: local"}));
}

// Rows that were written meanwhile were acknowledged without it, whatever the server says before
// and afterwards.
TEST_F(FaultTest, ASettingThatWasUnsafeForAWhileIsNotForgotten) {
  const std::jthread operators = restart_by_command([this](const std::stop_token& over) {
    set("full_page_writes", "off", over);
    const int before = rows_of_slowest();
    wait_until([&] { return rows_of_slowest() >= before + 2; }, over);  // one was at work already
    set("full_page_writes", "on", over);
  });
  const auto report = prove();
  ASSERT_EQ(code(report), "durability_unsafe");
  EXPECT_THAT(report.error->detail(Audience::everybody), HasSubstr("full_page_writes"));
  EXPECT_TRUE(report.settings->full_page_writes) << "before";
}

// A killed process takes nothing from the cache of a disk.
TEST_F(FaultTest, ALogOnTheDiskOfTheDataMattersWhereTheMachineRestartsAlone) {
  EXPECT_THAT(prove().deviations, Not(Contains(HasSubstr("can forget both"))));
}

// As where the dsn leads to whichever server takes rows.
TEST_F(FaultTest, AServerThatWasPromotedMeanwhileIsAnotherOne) {
  const std::jthread operators = restart_by_command(
      [this](const std::stop_token&) {
        std::ofstream(server_.data_folder() / "standby.signal").flush();
      },
      "SELECT pg_promote()");
  const auto report = prove();
  EXPECT_EQ(code(report), "durability_fault");
  EXPECT_THAT(report.error->detail(Audience::everybody), HasSubstr("another server answers"));
}

TEST_F(FaultTest, AMachineThatRestartsIsComparedByTheNextStart) {
  const auto asked = prove_by_reboot();
  EXPECT_EQ(code(asked), "durability_fault");
  EXPECT_THAT(asked.error->detail(Audience::everybody), HasSubstr("next start"));
  EXPECT_FALSE(asked.verdict);
  machine_is_back();
  const auto report = settle();
  EXPECT_EQ(code(report), "passed");
  EXPECT_TRUE(report.node);
  EXPECT_THAT(report.deviations, Contains(HasSubstr("can forget both")));
  EXPECT_GT(report.verdict->acknowledged, 0u);
  EXPECT_THAT(logs(), IsEmpty());
  EXPECT_EQ(tables(), "");
  EXPECT_THAT(*OwedReboots(tools_.files, folder_ / "durability").proofs(), IsEmpty());
}

TEST_F(FaultTest, AStandbyThatAnswersAfterwardsProvesNothing) {
  (void)prove_by_reboot();
  std::ofstream(server_.data_folder() / "standby.signal").flush();
  machine_is_back();
  const auto report = settle();
  EXPECT_EQ(code(report), "durability_fault");
  EXPECT_THAT(report.error->detail(Audience::everybody), HasSubstr("standby"));
  EXPECT_FALSE(report.verdict);
}

TEST_F(FaultTest, ARowThatTheMachineLostIsNamed) {
  (void)prove_by_reboot();
  machine_is_back();
  server_.execute("DELETE FROM public." + tables() + " WHERE writer = 2 AND seq = 1",
                  "vigie_witness");
  const auto report = settle();
  EXPECT_EQ(code(report), "durability_lost");
  EXPECT_THAT(report.verdict->lost, ElementsAre(WitnessRow{2, 1}));
  EXPECT_THAT(logs(), ElementsAre(last_.run.str() + ".wrong.log"));
  EXPECT_THAT(tables(), HasSubstr(proof_table(last_.run.str())));
}

TEST_F(FaultTest, WhatAComparisonIsOwedNobodyClearsAway) {
  (void)prove_by_reboot();
  const std::string owed = log_of_last();
  machine_is_back();
  EXPECT_THAT(prove().error->detail(Audience::everybody), HasSubstr("earlier reboot"));
  EXPECT_THAT(logs(), SizeIs(2));
  EXPECT_THAT(logs(), Contains(owed));
  EXPECT_EQ(code(settle()), "passed");
}

TEST_F(FaultTest, AMachineThatDoesNotRestartIsNoProof) {
  (void)prove_by_reboot();
  machine_is_back();
  boot_id_ = "boot-1";
  options_.recovery_timeout = 1s;
  const auto report = settle();
  EXPECT_EQ(code(report), "durability_fault");
  EXPECT_THAT(report.error->detail(Audience::everybody), HasSubstr("has not"));
  EXPECT_FALSE(report.node);
}

TEST_F(FaultTest, ACommandThatFailsOwesNothing) {
  options_.fault = Fault::node_reboot;
  options_.reboot = {"/bin/false"};
  EXPECT_THAT(prove().error->detail(Audience::everybody), HasSubstr("/bin/false"));
  EXPECT_THAT(*OwedReboots(tools_.files, folder_ / "durability").proofs(), IsEmpty());
}

}  // namespace
}  // namespace vigie::proof
