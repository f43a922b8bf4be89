// Stores and state folders on a real disk that is full, read-only or gone, under the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/support/pg_cluster.h"
#include "tests/support/small_disk.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StorageTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = std::make_unique<PgCluster>();
    server_->execute("CREATE TABLE a AS SELECT generate_series(1, 500) i");
    server_->create_database("large");  // 17 MiB as files, about 13 MiB stored
    server_->execute(
        "CREATE TABLE t AS SELECT (SELECT string_agg(encode(sha256((g * 4 + n)::text::bytea), "
        "'base64'), '') FROM generate_series(1, 4) n) x FROM generate_series(1, 100000) g",
        "large");
  }
  static void TearDownTestSuite() { server_.reset(); }
  void SetUp() override {
    if (!SmallDisk::possible()) GTEST_SKIP() << "only root may mount";
  }

  void configure(const std::string& database = "postgres", const std::string& reserve = "4KiB") {
    host_.configure(server_->dsn(database), {"give_way: {after: 0}"});
    std::string text = host_.read("vigie.yaml");
    text.replace(text.find("1MiB"), 4, reserve);
    host_.write("vigie.yaml", text);
  }
  Ran back_up() { return host_.run({"backup", "run", "nightly", "-o", "json"}); }
  void expect_refusal(const ::testing::Matcher<std::string>& code) {
    const Ran ran = back_up();
    EXPECT_NE(ran.status, 0);
    EXPECT_THAT(ran.out + ran.err, code);
  }
  // Everything that was there is there and good, nothing else is, and the next backup is made.
  void expect_whole(const std::set<std::string>& before) {
    const Ran verified = host_.run({"backup", "verify", "--all"});
    EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
    const Ran list = host_.run({"backup", "list", "-o", "json"});
    for (const std::string& id : before) EXPECT_THAT(list.out, HasSubstr(id));
    EXPECT_EQ(host_.stored(), before);
    EXPECT_THAT(host_.debris(), IsEmpty());
    const Ran chain = host_.run({"evidence", "verify"});
    EXPECT_EQ(chain.status, 0) << chain.out << chain.err;
    const Ran next = back_up();
    EXPECT_EQ(next.status, 0) << next.out << next.err;
  }
  // A daemon whose backup waits for a lock until the session that is returned ends.
  std::unique_ptr<platform::PgConnection> run_until_blocked() {
    auto blocker = server_->lock_table("a");
    EXPECT_TRUE(host_.serve()) << host_.log();
    EXPECT_NE(host_.start_run(), "");
    EXPECT_TRUE(server_->somebody_waits());
    return blocker;
  }
  bool run_failed() {
    return eventually([&] {
      const std::string log = host_.log();
      const size_t ended = log.find("\"kind\":\"backup\"");
      return ended != std::string::npos &&
             log.substr(ended, 200).find("\"error_code\":\"\"") == std::string::npos;
    });
  }

  VigieHost host_;
  static std::unique_ptr<PgCluster> server_;
};

std::unique_ptr<PgCluster> StorageTest::server_;

class StoreTest : public StorageTest {
 protected:
  void SetUp() override {
    StorageTest::SetUp();
    if (IsSkipped()) return;
    disk_ = std::make_unique<SmallDisk>(6_MiB);
    disk_->attach(host_.store());
    configure();
    ASSERT_EQ(back_up().status, 0);
    before_ = host_.stored();
    ASSERT_EQ(before_.size(), 1U);
  }

  std::unique_ptr<SmallDisk> disk_;
  std::set<std::string> before_;
};

TEST_F(StoreTest, FillsUpInMidRun) {
  configure("large");
  expect_refusal(AnyOf(HasSubstr("disk_full"), HasSubstr("space_reserve")));
  const Ran evidence = host_.run({"evidence", "list", "--kind", "backup", "-o", "json"});
  EXPECT_THAT(evidence.out, AnyOf(HasSubstr("disk_full"), HasSubstr("space_reserve")));
  configure();
  expect_whole(before_);
}

TEST_F(StoreTest, IsFullBeforeTheRun) {
  disk_->leave(0_MiB);
  expect_refusal(AnyOf(HasSubstr("disk_full"), HasSubstr("space_reserve")));
  disk_->give_back();
  expect_whole(before_);
}

TEST_F(StoreTest, IsBelowItsReserve) {
  configure("postgres", "5MiB");
  disk_->leave(4_MiB);
  expect_refusal(HasSubstr("space_reserve"));
  disk_->give_back();
  configure();
  expect_whole(before_);
}

TEST_F(StoreTest, IsReadOnly) {
  disk_->read_only(true);
  expect_refusal(HasSubstr("store_not_writable"));
  EXPECT_THAT(host_.read("out") + host_.read("err"), HasSubstr("Read-only"));
  const Ran verified = host_.run({"backup", "verify", "--all"});
  EXPECT_EQ(verified.status, 0) << "it can still be read: " << verified.out << verified.err;
  disk_->read_only(false);
  expect_whole(before_);
}

TEST_F(StoreTest, VanishesInMidRunAndComesBack) {
  auto blocker = run_until_blocked();
  disk_->detach();
  blocker.reset();
  EXPECT_TRUE(run_failed()) << host_.log();
  EXPECT_EQ(host_.ask("/health").status, 200);
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(), 0);
  EXPECT_THAT(host_.stored(), IsEmpty()) << "nothing was put where the store is not";
  disk_->attach(host_.store());
  (void)host_.run({"token", "create"});  // a start that writes: what the run left goes
  expect_whole(before_);
}

TEST_F(StoreTest, IsNotThereAtAStart) {
  disk_->detach();
  EXPECT_EQ(host_.run({"backup", "list"}).status, 0);
  const Ran start = host_.run({"token", "create"});
  EXPECT_EQ(start.status, 0) << start.err;
  disk_->attach(host_.store());
  expect_whole(before_);
}

// A path that leads nowhere, where a mount point would be an empty folder.
TEST_F(StorageTest, AStoreWhosePathLeadsNowhereKeepsItsArtefacts) {
  configure();
  ASSERT_EQ(back_up().status, 0);
  const auto before = host_.stored();
  const platform::Path away = host_.folder() / "away";
  std::filesystem::rename(host_.store(), away);
  std::filesystem::create_symlink(host_.folder() / "nowhere" / "deep", host_.store());
  expect_refusal(HasSubstr("store_unreachable"));
  std::filesystem::remove(host_.store());
  std::filesystem::rename(away, host_.store());
  expect_whole(before);
}

TEST_F(StorageTest, AStoreThatIsRemovedInMidRunFailsTheRunAndIsMadeAgainWhenSomebodySaysSo) {
  configure();
  auto blocker = run_until_blocked();
  std::filesystem::remove_all(host_.store());
  blocker.reset();
  EXPECT_TRUE(run_failed()) << host_.log();
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(), 0);
  expect_refusal(HasSubstr("store_unreachable"));
  EXPECT_EQ(host_.run({"store", "adopt", "local", "--reason", "it was removed"}).status, 0);
  expect_whole({});
}

class StateTest : public StorageTest {
 protected:
  void SetUp() override {
    StorageTest::SetUp();
    if (IsSkipped()) return;
    disk_ = std::make_unique<SmallDisk>(40_MiB);  // the ledger's reserve is 16 of them
    disk_->attach(host_.state());
    configure();
    ASSERT_EQ(back_up().status, 0);
  }
  std::unique_ptr<SmallDisk> disk_;
};

// The run row, the staging folder, the ledger and the catalogue: whichever it is that finds no
// space.
TEST_F(StateTest, FillsUpAtAnyPointOfARun) {
  for (const uint64_t left : {0, 4, 8, 16, 32, 64, 128, 1024, 4096}) {
    SCOPED_TRACE(std::to_string(left) + " KiB are left");
    const auto before = host_.stored();
    configure("large");
    disk_->leave({left << 10});
    const Ran ran = back_up();
    const auto after = host_.stored();
    if (ran.status == 0) {
      EXPECT_EQ(after.size(), before.size() + 1) << "it was said to be good";
    } else {
      EXPECT_THAT(ran.out + ran.err, HasSubstr("disk_full"));
    }
    disk_->give_back();
    configure();
    expect_whole(after);
    if (HasFailure()) return;
  }
}

TEST_F(StateTest, IsFullWhileTheDaemonServes) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  disk_->leave({0});
  const HttpSaid refused = host_.ask("/v1/backups/nightly/runs", "POST", "{}");
  for (const char* route : {"/health", "/readiness", "/backups/status", "/restore/status"}) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_THAT(host_.ask(route).status, AnyOf(200, 503)) << route;
    EXPECT_LT(std::chrono::steady_clock::now() - began, 1s) << route;
  }
  if (refused.status == 202) {
    EXPECT_TRUE(run_failed()) << host_.log();
  } else {
    EXPECT_THAT(refused.body, HasSubstr("disk_full"));
  }
  disk_->give_back();
  EXPECT_EQ(host_.ask("/v1/backups/nightly/runs", "POST", "{}").status, 202);
  EXPECT_TRUE(eventually([&] { return host_.stored().size() == 2; })) << host_.log();
  // The ledger knows that it can be written by what it writes next: the backup's entry, after it.
  EXPECT_TRUE(eventually([&] { return host_.ask("/readiness").status == 200; }))
      << host_.ask("/readiness").body;
}

TEST_F(StateTest, IsReadOnlyAndSaysSo) {
  const auto before = host_.stored();
  disk_->read_only(true);
  expect_refusal(HasSubstr("Read-only"));
  disk_->read_only(false);
  expect_whole(before);
}

}  // namespace
}  // namespace vigie::testing
