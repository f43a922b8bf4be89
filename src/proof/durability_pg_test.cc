// Proofs with a fault, in this process and against a real server: what they leave behind.
#include "proof/durability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proof/leftovers.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
  testing::PgCluster server_;
  testing::TempFolder folder_;
  platform::RealClock clock_;
  std::stop_source stop_;
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  DurabilityTools tools_{platform::real_file_system(), *processes_, *postgres_, clock_};
  DurabilityOptions options_;
  Work last_;
};

TEST_F(FaultTest, WhatCameToNoVerdictIsClearedAwayByTheNextProof) {
  EXPECT_EQ(code(prove()), "durability_no_recovery");
  EXPECT_THAT(logs(), ElementsAre(log_of_last()));
  server_.execute("CREATE TABLE public.run_of_somebody ()", "vigie_witness");
  const std::string first = tables();
  EXPECT_EQ(code(prove()), "durability_no_recovery");
  EXPECT_THAT(logs(), ElementsAre(log_of_last()));
  EXPECT_THAT(tables(), HasSubstr(proof_table(last_.run.str())));
  EXPECT_THAT(tables(), HasSubstr("run_of_somebody")) << "it has no log here";
  EXPECT_EQ(std::ranges::count(tables(), ','), 1) << tables() << " and before " << first;
}

TEST_F(FaultTest, WrongRowsAndWhatAnotherServerMayHoldStay) {
  ASSERT_TRUE(tools_.files.create_folder(folder_ / "witness", 0700));
  const std::string wrong(32, 'a');
  const std::string elsewhere(32, 'b');
  for (const std::string& run : {wrong, elsewhere})
    ASSERT_TRUE(platform::write_file_new(tools_.files, proof_log(folder_ / "witness", run), "x\n"));
  ASSERT_TRUE(keep_log(tools_.files, folder_ / "witness", wrong));
  server_.execute("CREATE TABLE public." + proof_table(wrong) + " ()", "vigie_witness");
  EXPECT_EQ(code(prove()), "durability_no_recovery");
  EXPECT_THAT(logs(), Contains(wrong + ".wrong.log"));
  EXPECT_THAT(tables(), HasSubstr(proof_table(wrong)));
  EXPECT_THAT(logs(), Contains(elsewhere + ".log"));
  std::filesystem::last_write_time(proof_log(folder_ / "witness", elsewhere),
                                   std::filesystem::file_time_type::clock::now() - 31 * 24h);
  EXPECT_EQ(code(prove()), "durability_no_recovery");
  EXPECT_THAT(logs(), ::testing::Not(Contains(elsewhere + ".log")));
}

TEST_F(FaultTest, ItTellsHowFastTheDiskSyncs) {
  const auto report = prove();
  EXPECT_GT(report.durations.at("log_sync"), Duration{0});
}

}  // namespace
}  // namespace vigie::proof
