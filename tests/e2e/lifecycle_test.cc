// The life of a daemon: what its runs leave when they end in ways that nobody planned, and how it
// starts again on what it left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "base/json.h"
#include "platform/sqlite.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LifecycleTest : public ::testing::Test {
 protected:
  LifecycleTest() {
    server_.execute("CREATE TABLE a AS SELECT g FROM generate_series(1, 100) g");
    host_.configure(server_.dsn(), {"jobs: 1"});
  }

  // A dump that waits for its lock, until `blocker_` commits.
  std::string start_a_dump() {
    blocker_ = server_.lock_table("a");
    const std::string run = host_.start_run();
    EXPECT_TRUE(server_.somebody_waits()) << host_.log();
    return run;
  }

  // The kinds of the entries of a run.
  std::vector<std::string> entries_of(const std::string& run) {
    std::vector<std::string> kinds;
    const auto all = parse_json(host_.run({"evidence", "list", "-o", "json"}).out);
    EXPECT_TRUE(all && all->is_array());
    if (!all) return kinds;
    for (const json::value& one : all->as_array()) {
      const json::value& id = one.at("trigger").at("run_id");
      if (id.is_string() && std::string_view(id.as_string()) == run)
        kinds.emplace_back(one.at("kind").as_string());
    }
    return kinds;
  }
  // Sessions that are still to be ended.
  int64_t left_to_end() {
    auto db = *platform::Sqlite::open(host_.state() / "state.db", {.read_only = true});
    auto rows = *db.query("select count(*) from dead_run");
    return *rows.step() ? rows.integer(0) : -1;
  }
  std::string sessions_of(const std::string& run) {
    return server_.value("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE '%" +
                         run + "'");
  }

  PgCluster server_;
  VigieHost host_;
  std::unique_ptr<platform::PgConnection> blocker_;
};

TEST_F(LifecycleTest, AServerThatHangsKeepsNoStartWaitingAndIsAskedAgain) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = start_a_dump();
  ASSERT_GT(
      server_.signal_backends(run, SIGSTOP) + server_.signal_backends("vigie " + run, SIGSTOP), 0);
  server_.signal_postmaster(SIGSTOP);
  host_.signal(SIGKILL);
  EXPECT_EQ(host_.wait(), 137);

  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 4s) << "nobody waited for the server";
  EXPECT_EQ(host_.ask("/readiness").status, 200);
  EXPECT_EQ(left_to_end(), 1);
  ASSERT_TRUE(
      eventually([&] { return host_.log().find("backup.leftovers") != std::string::npos; }, 60s))
      << "it was asked in vain";

  server_.signal_postmaster(SIGCONT);
  server_.signal_backends(run, SIGCONT);
  server_.signal_backends("vigie " + run, SIGCONT);
  EXPECT_TRUE(eventually([&] { return left_to_end() == 0; }, 60s)) << host_.log();
  EXPECT_TRUE(eventually([&] { return sessions_of(run) == "0"; }, 60s));
  EXPECT_THAT(entries_of(run), ElementsAre("interrupted"));
}

TEST_F(LifecycleTest, ACrashBetweenAnEndsEntryAndItsRowLeavesOneEntryAndTheRowFollows) {
  ASSERT_TRUE(host_.serve({{"VIGIE_FAILPOINTS", "jobs.row.cancelled.before=kill"}}));
  const std::string runs = start_a_dump();
  const std::string waits = host_.start_run();
  (void)host_.ask("/v1/runs/" + waits, "DELETE");
  EXPECT_EQ(host_.wait(), 137) << host_.log();
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.state_of(waits), "cancelled");
  EXPECT_EQ(host_.state_of(runs), "interrupted");
  EXPECT_THAT(entries_of(waits), ElementsAre("run_ended"));
  EXPECT_THAT(entries_of(runs), ElementsAre("interrupted"));
}

TEST_F(LifecycleTest, TheEvidenceSaysWhoCancelledARunAndOneThatHasEndedIsLeftAlone) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = start_a_dump();
  const Ran cancel =
      host_.run({"run", "cancel", run, "--reason", "wrong database", "--ref", "T-7"});
  EXPECT_EQ(cancel.status, 0) << cancel.err;
  ASSERT_TRUE(eventually([&] { return host_.state_of(run) == "cancelled"; }, 60s)) << host_.log();
  EXPECT_THAT(entries_of(run), ElementsAre("backup", "run_ended"));
  const std::string entry =
      host_.run({"evidence", "list", "--kind", "run_ended", "-o", "jsonl"}).out;
  EXPECT_THAT(entry, HasSubstr(R"("cancel_reason":"wrong database","cancel_ref":"T-7")"));
  EXPECT_THAT(entry, HasSubstr(R"("cancelled_by":"socket:uid=)"));

  const Ran again = host_.run({"run", "cancel", run});
  EXPECT_EQ(again.status, 5);
  EXPECT_THAT(again.err, HasSubstr("has ended: cancelled"));
  EXPECT_THAT(entries_of(run), ElementsAre("backup", "run_ended"));
}

TEST_F(LifecycleTest, ADaemonSaysHowMuchMemoryItHasAndThatItLives) {
  ASSERT_TRUE(host_.serve({{"WATCHDOG_USEC", "200000"}})) << host_.log();
  EXPECT_TRUE(host_.says("WATCHDOG=1", 1min));
  const auto health = parse_json(host_.ask("/health").body);
  ASSERT_TRUE(health);
  EXPECT_GT(health->at("data").at("resident_bytes").to_number<double>(), 1e6);
  EXPECT_TRUE(health->at("data").at("children_resident_bytes").is_number());
  EXPECT_NE(host_.ask("/metrics").body.find("vigie_children_resident_memory_bytes"),
            std::string::npos);
}

TEST_F(LifecycleTest, ARunThatFailedHasALogOfItsSteps) {
  host_.configure(server_.dsn(), {"jobs: 1", "lock_wait_timeout: 1s", "give_way: {after: 0}"});
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = start_a_dump();
  ASSERT_TRUE(eventually([&] { return host_.state_of(run) != "running"; }, 60s));
  const auto shown = parse_json(host_.ask("/v1/runs/" + run).body);
  ASSERT_TRUE(shown && shown->at("log").is_string());
  EXPECT_EQ(std::string(shown->at("log").as_string()), (host_.state() / "runs" / run).string());
  const std::string log = host_.read("state/runs/" + run + "/log.jsonl");
  for (const char* part :
       {"\"msg\":\"preflight\"", "\"msg\":\"dump\"", "pg_dump: error: [", "\"program\":\"pg_dump\"",
        "\"event\":\"run.ended\"", "\"error_code\":\"lock_wait_timeout\""})
    EXPECT_NE(log.find(part), std::string::npos) << part << "\n" << log;
}

TEST_F(LifecycleTest, WhatWaitsWhenTheDaemonStopsHasItsEntry) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  start_a_dump();
  const std::string waits = host_.start_run();
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(10s), 0) << host_.log();
  EXPECT_THAT(entries_of(waits), ElementsAre("interrupted"));
}

}  // namespace
}  // namespace vigie::testing
