// The real binary is killed at every durable step of a backup, its verification and its expiry;
// then it is started again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>

#include "base/json.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Three of them are kept at most; each backup of this test makes at least one expire.
const std::vector<std::string> kJob{
    "retention: {keep_last: 2, daily: 0, weekly: 0, monthly: 0, min_good: 2}", "jobs: 1",
    "verify: {after_backup: full, scrub: 0}"};

json::array array_of(const std::string& text) {
  auto value = parse_json(text);
  return value && value->is_array() ? value->get_array() : json::array{};
}

std::set<std::string> ids_of(const std::string& text) {
  std::set<std::string> ids;
  for (const json::value& one : array_of(text)) ids.emplace(one.as_object().at("id").as_string());
  return ids;
}

class CrashTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<PgCluster>();
    server_->execute("CREATE TABLE a AS SELECT g, 'row ' || g AS t FROM generate_series(1, 500) g");
    // Two backups, of which each test gets a copy.
    first_ = std::make_unique<VigieHost>();
    first_->configure(server_->dsn(), kJob);
    for (int n = 0; n < 2; ++n) ASSERT_EQ(first_->run({"backup", "run", "nightly"}).status, 0);
  }
  static void TearDownTestSuite() {
    first_.reset();
    server_.reset();
  }

  CrashTest() {
    host_.configure(server_->dsn(), kJob);
    host_.copy_from(*first_);
  }

  // What must be so after any crash, seen from outside.
  void check(const std::set<std::string>& before) {
    // The first start that writes: what the crash left goes.
    const Ran verified = host_.run({"backup", "verify", "--all"});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
    const Ran list = host_.run({"backup", "list", "-o", "json"});
    ASSERT_EQ(list.status, 0) << list.err;
    const auto stored = host_.stored();
    EXPECT_EQ(ids_of(list.out), stored);
    EXPECT_THAT(host_.debris(), IsEmpty());
    EXPECT_TRUE(std::filesystem::is_empty(host_.state() / "staging"));
    EXPECT_GE(stored.size(), 2U);
    const Ran chain = host_.run({"evidence", "verify"});
    EXPECT_EQ(chain.status, 0) << chain.out << chain.err;
    check_evidence(before, stored);
  }

  void check_evidence(const std::set<std::string>& before, const std::set<std::string>& stored) {
    std::set<std::string> taken;
    std::set<std::string> expired;
    const Ran evidence = host_.run({"evidence", "list", "-o", "json"});
    for (const json::value& one : array_of(evidence.out)) {
      const std::string_view kind = one.as_object().at("kind").as_string();
      for (const json::value& artefact : one.as_object().at("artefacts").as_array()) {
        std::string name(artefact.as_object().at("name").as_string());
        if (kind == "backup" || kind == "recovered") taken.insert(name);
        if (kind == "retention") expired.insert(std::move(name));
      }
    }
    for (const std::string& id : stored) EXPECT_TRUE(taken.contains(id)) << id << " has no entry";
    for (const std::string& id : before)
      EXPECT_TRUE(stored.contains(id) || expired.contains(id)) << id << " is lost";
    for (const std::string& id : taken)
      EXPECT_TRUE(stored.contains(id) || expired.contains(id)) << id << " is lost";
  }

  // Nothing of a dead run is left at work on the server.
  static void check_server() {
    EXPECT_TRUE(eventually(
        [] { return VigieHost::dump_processes(server_->socket_folder().string()).empty(); }));
    EXPECT_TRUE(eventually([] { return sessions() == "0"; })) << sessions();
  }
  static std::string sessions() {
    return server_->value(
        "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' "
        "AND pid <> pg_backend_pid()");
  }

  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
  static std::unique_ptr<VigieHost> first_;
};

std::unique_ptr<PgCluster> CrashTest::server_;
std::unique_ptr<VigieHost> CrashTest::first_;

class KilledAt : public CrashTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledAt, TheNextStartFindsTheOldStateOrTheNewOne) {
  const auto before = host_.stored();
  ASSERT_EQ(before.size(), 2U);
  std::string armed = GetParam();
  if (armed.find('=') == std::string::npos) armed += "=kill";
  const Ran ran = host_.run({"backup", "run", "nightly"}, {{"VIGIE_FAILPOINTS", armed}});
  ASSERT_TRUE(ran.killed()) << "not hit: " << ran.status << ran.out << ran.err;
  check_server();
  check(before);
  const Ran next = host_.run({"backup", "run", "nightly"});
  EXPECT_EQ(next.status, 0) << next.out << next.err;
}

INSTANTIATE_TEST_SUITE_P(Backup, KilledAt,
                         ::testing::Values("backup.before_publish", "backup.after_publish",
                                           "backup.after_ledger", "backup.after_catalogue",
                                           "store.publish.begin", "store.publish.files",
                                           "store.publish.folders", "store.publish.done"));
INSTANTIATE_TEST_SUITE_P(Expiry, KilledAt,
                         ::testing::Values("backup.after_begin_expiry", "backup.after_remove",
                                           "backup.after_prune_ledger", "store.remove.manifest",
                                           "store.remove.synced", "store.remove.files"));
INSTANTIATE_TEST_SUITE_P(Ledger, KilledAt,
                         ::testing::Values("ledger.append.write", "ledger.append.sync",
                                           "ledger.append.durable", "ledger.append.write=kill@2",
                                           "ledger.append.sync=kill@3"));
INSTANTIATE_TEST_SUITE_P(Runs, KilledAt,
                         ::testing::Values("jobs.row.queued.before", "jobs.row.queued.within",
                                           "jobs.row.queued.after", "jobs.row.running.before",
                                           "jobs.row.running.after", "jobs.row.succeeded.before",
                                           "jobs.row.succeeded.after"));

// A daemon ends while its dump waits for a lock.
class EndedInMidDump : public CrashTest {
 protected:
  // `end` is called when the dump waits. What a restart finds is what was before.
  void expect_nothing_left(const std::function<void()>& end) {
    const auto before = host_.stored();
    ASSERT_TRUE(host_.serve()) << host_.log();
    auto blocker = server_->lock_table("a");
    EXPECT_NE(host_.start_run(), "");
    ASSERT_TRUE(server_->somebody_waits());
    // The source check may be the first that waits.
    ASSERT_TRUE(eventually(
        [] { return !VigieHost::dump_processes(server_->socket_folder().string()).empty(); }));
    end();
    EXPECT_TRUE(eventually(
        [] { return VigieHost::dump_processes(server_->socket_folder().string()).empty(); }));
    // Before PostgreSQL 14 a session that waits never looks for its client: the next start ends it.
    if (server_->major() < 14) {
      EXPECT_EQ(host_.run({"backup", "verify", "--all"}).status, 0);
    }
    EXPECT_TRUE(eventually([] { return sessions() == "1"; })) << "only the blocker is left";
    blocker.reset();
    check(before);
  }
};

TEST_F(EndedInMidDump, AKilledDaemonLeavesNoDumpAndNoSession) {
  expect_nothing_left([&] {
    host_.signal(SIGKILL);
    EXPECT_EQ(host_.wait(), 137);
  });
  const Ran evidence = host_.run({"evidence", "list", "-o", "json"});
  EXPECT_THAT(evidence.out, HasSubstr("\"interrupted\""));
}

TEST_F(EndedInMidDump, ATermEndsItWithinTenSecondsAndRecordsIt) {
  expect_nothing_left([&] {
    host_.signal(SIGTERM);
    EXPECT_EQ(host_.wait(10s), 0) << host_.log();
    EXPECT_THAT(host_.log(), HasSubstr("\"interrupted\""));
  });
}

TEST_F(CrashTest, AKilledServerLeavesTheOldStateAndAClearError) {
  const auto before = host_.stored();
  server_->kill9();
  const Ran ran = host_.run({"backup", "run", "nightly"});
  EXPECT_EQ(ran.status, 6) << ran.out << ran.err;
  EXPECT_EQ(host_.stored(), before);
  server_->start();
  check(before);
}

}  // namespace
}  // namespace vigie::testing
