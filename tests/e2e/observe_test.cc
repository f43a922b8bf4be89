// A proof that observes, in the real daemon, against a server that restarts without being asked to;
// and servers that a killed process has left owing them their start.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "tests/support/documents.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class DurabilityDaemonTest : public ::testing::Test {
 protected:
  explicit DurabilityDaemonTest(const std::vector<std::string>& proof) : server_({.fsync = true}) {
    server_.create_database("app");
    server_.create_database("vigie_witness");
    configure(proof);
  }
  void configure(const std::vector<std::string>& proof) {
    host_.configure(server_.dsn("app"), {});
    std::string text = host_.read("vigie.yaml");
    if (!proof.empty()) text += "durability:\n  proof:\n    database: app\n";
    for (const std::string& line : proof) text += "    " + line + "\n";
    host_.write("vigie.yaml", text);
  }
  std::string entries(const std::string& kind = "durability_proof") {
    return host_.run({"evidence", "list", "--kind", kind, "-o", "json"}).out;
  }
  size_t entries_that(const std::string& result) {
    const auto all = parse_json(entries());
    if (!all || !all->is_array()) return 0;
    return static_cast<size_t>(std::ranges::count_if(all->get_array(), [&](const json::value& one) {
      return one.at("result").as_string() == result;
    }));
  }
  void restart_server() {
    server_.kill9();
    server_.start();
  }

  PgCluster server_;
  VigieHost host_;
};

class ObserveTest : public DurabilityDaemonTest {
 protected:
  ObserveTest() : DurabilityDaemonTest({"mode: observe", "rate: 10/s"}) {}

  json::object proof() {
    const auto answer = parse_json(host_.ask("/restore/status").body);
    if (!answer) return {};
    const json::array& proofs = answer->at("data").at("durability").as_array();
    return proofs.empty() ? json::object() : proofs.at(0).as_object();
  }
  bool writes() {
    return eventually(
        [&] {
          const auto seen = proof();
          const json::object* const observer = find_object(seen, "observer");
          return observer != nullptr && observer->at("rows").to_number<int>() > 3;
        },
        30s);
  }
  bool has_compared(size_t entries_so_far) {
    return eventually([&] { return entries_that("passed") > entries_so_far; }, 60s);
  }
};

TEST_F(ObserveTest, ARestartThatNobodyAskedForIsEvidence) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_TRUE(writes()) << host_.log();
  EXPECT_EQ(host_.run({"durability", "run", "proof"}).status, 3) << "nothing has restarted";
  EXPECT_EQ(entries_that("could_not_verify"), 0u) << "no evidence of anything";
  restart_server();
  ASSERT_TRUE(has_compared(0)) << entries() << host_.log();
  const Ran shown = host_.run({"durability", "show", "proof", "-o", "json"});
  EXPECT_THAT(shown.out, HasSubstr("observed"));
  EXPECT_THAT(shown.out, HasSubstr("postmaster_started_at"));
  EXPECT_THAT(shown.out, HasSubstr("REQ-DUR-1"));
  const Ran now = host_.run({"durability", "run", "proof"});
  EXPECT_EQ(now.status, 0) << now.out << now.err;
  EXPECT_THAT(host_.run({"durability", "list"}).out, HasSubstr("passed"));
  Documents documents;
  documents.expect("status-1.schema.json", host_.ask("/restore/status").body);
  EXPECT_EQ(documents.mistakes(), "");
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(10s), 0);
}

TEST_F(ObserveTest, BothMayHaveBeenDown) {
  ASSERT_TRUE(host_.serve());
  ASSERT_TRUE(writes());
  host_.signal(SIGKILL);
  host_.wait();
  restart_server();
  ASSERT_TRUE(host_.serve());
  EXPECT_TRUE(has_compared(0)) << entries() << host_.log();
}

TEST_F(ObserveTest, RowsThatAreGoneAreALossAndTheStatusFails) {
  ASSERT_TRUE(host_.serve());
  ASSERT_TRUE(writes());
  server_.stop(PgStop::immediate);
  server_.execute_alone(
      "DO $$ DECLARE t text; BEGIN SELECT relname INTO STRICT t FROM pg_class WHERE relname LIKE "
      "'observed%' AND relkind = 'r'; EXECUTE 'DELETE FROM ' || t || ' WHERE seq = 2'; END $$",
      "vigie_witness");
  server_.start();
  EXPECT_TRUE(eventually([&] { return entries_that("failed") == 1; }, 60s)) << host_.log();
  EXPECT_THAT(entries(), HasSubstr("lost: writer 1, row 2"));
  EXPECT_THAT(host_.ask("/restore/status").body, HasSubstr("durability_lost"));
}

TEST_F(ObserveTest, AReloadBeginsAndEndsIt) {
  configure({});
  ASSERT_TRUE(host_.serve());
  configure({"mode: observe", "rate: 10/s"});
  host_.signal(SIGHUP);
  ASSERT_TRUE(writes()) << host_.log();
  configure({});
  host_.signal(SIGHUP);
  const std::string sessions =
      "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'vigie witness%'";
  EXPECT_TRUE(eventually([&] { return server_.value(sessions) == "0"; }));
}

class ObserverKilledAt : public ObserveTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(ObserverKilledAt, TheNextStartGoesOn) {
  const std::string armed = std::string(GetParam()) + "=kill";
  if (armed.find("recorded") != std::string::npos) {  // it needs a restart to compare
    ASSERT_TRUE(host_.serve());
    ASSERT_TRUE(writes());
    host_.signal(SIGTERM);
    host_.wait();
    restart_server();
  }
  (void)host_.serve({{"VIGIE_FAILPOINTS", armed}});
  ASSERT_EQ(host_.wait(), 137) << host_.log();
  ASSERT_TRUE(host_.serve());
  ASSERT_TRUE(writes()) << host_.log();
  const size_t before = entries_that("passed");
  restart_server();
  EXPECT_TRUE(has_compared(before)) << entries();
  EXPECT_THAT(entries(), Not(HasSubstr("durability_lost")));
  EXPECT_EQ(server_.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'observed%' AND "
                          "relkind = 'r'",
                          "vigie_witness"),
            "1");
}

INSTANTIATE_TEST_SUITE_P(Steps, ObserverKilledAt,
                         ::testing::Values("proof.observer.log", "proof.observer.state",
                                           "proof.observer.recorded"));

// `restart.start` only asks; the test is the service manager that does it.
class OwedStartTest : public DurabilityDaemonTest {
 protected:
  OwedStartTest() : DurabilityDaemonTest({}) {
    configure({"duration: 1s",
               fmt::format("restart: {{start: [/usr/bin/touch, {}]}}", asked().string())});
  }
  platform::Path asked() const { return host_.folder() / "asked-to-start"; }
  platform::Path note() const { return host_.state() / "durability/proof.owed"; }
  void prove_until(const std::string& failpoint) {
    const Ran ran = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"},
                              {{"VIGIE_FAILPOINTS", failpoint + "=kill"}});
    ASSERT_TRUE(ran.killed()) << ran.out << ran.err;
    ASSERT_TRUE(std::filesystem::exists(note()));
    ASSERT_FALSE(std::filesystem::exists(asked()));
  }
};

TEST_F(OwedStartTest, TheNextDaemonStartsAServerThatWasHurt) {
  prove_until("proof.fault.sent");
  server_.reap();
  ASSERT_TRUE(host_.serve()) << host_.log();
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(asked()); }, 60s)) << host_.log();
  server_.start();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(note()); }, 60s)) << host_.log();
  EXPECT_THAT(entries(), HasSubstr("durability_fault"));
}

TEST_F(OwedStartTest, AServerThatAnswersIsOwedNothing) {
  prove_until("proof.fault.noted");
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(note()); }, 60s)) << host_.log();
  EXPECT_FALSE(std::filesystem::exists(asked()));
}

TEST_F(OwedStartTest, ADayLaterNothingIsStarted) {
  std::filesystem::create_directories(note().parent_path());
  host_.write("state/durability/proof.owed",
              R"({"schema": "vigie.owed-start/1", "proof": "proof", "run": "0", )"
              R"("at": "2020-01-01T00:00:00Z"})");
  server_.stop();
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(note()); }, 60s)) << host_.log();
  EXPECT_FALSE(std::filesystem::exists(asked()));
  EXPECT_THAT(host_.log(), HasSubstr("more than a day ago"));
  server_.start();
}

// `restart.reboot` only asks; this machine stays as it is, and the next start says so.
class OwedRebootTest : public DurabilityDaemonTest {
 protected:
  OwedRebootTest() : DurabilityDaemonTest({}) {
    configure({"duration: 1s", "fault: node_reboot", "recovery_timeout: 1s",
               fmt::format("restart: {{reboot: [/usr/bin/touch, {}]}}", asked().string())});
  }
  platform::Path asked() const { return host_.folder() / "asked-to-reboot"; }
  platform::Path note() const { return host_.state() / "durability/proof.reboot"; }
  void prove_until(const std::string& failpoint) {
    const Ran ran = host_.run({"durability", "run", "proof", "--yes-interrupt", "app"},
                              {{"VIGIE_FAILPOINTS", failpoint + "=kill"}});
    ASSERT_TRUE(ran.killed()) << ran.out << ran.err;
    ASSERT_TRUE(std::filesystem::exists(note()));
  }
  void is_settled_by_the_next_start() {
    ASSERT_TRUE(host_.serve()) << host_.log();
    EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(note()); }, 60s)) << host_.log();
    EXPECT_THAT(entries(), HasSubstr("has not"));
    EXPECT_EQ(entries_that("could_not_verify"), 1U) << entries();
  }
};

TEST_F(OwedRebootTest, AProofThatIsKilledBeforeItAsksIsSettledByTheNextStart) {
  prove_until("proof.reboot.noted");
  EXPECT_FALSE(std::filesystem::exists(asked()));
  is_settled_by_the_next_start();
}

TEST_F(OwedRebootTest, OneThatIsKilledWhenItHasAskedIsSettledByTheNextStart) {
  prove_until("proof.reboot.asked");
  EXPECT_TRUE(std::filesystem::exists(asked()));
  is_settled_by_the_next_start();
}

TEST_F(OwedRebootTest, AKillBetweenTheEntryAndTheNoteLeavesASecondEntryAndNoNote) {
  prove_until("proof.reboot.asked");
  (void)host_.serve({{"VIGIE_FAILPOINTS", "proof.reboot.recorded=kill"}});
  ASSERT_EQ(host_.wait(), 137) << host_.log();
  ASSERT_TRUE(std::filesystem::exists(note()));
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(note()); }, 60s)) << host_.log();
  EXPECT_EQ(entries_that("could_not_verify"), 2U) << entries();
}

}  // namespace
}  // namespace vigie::testing
