// Evidence that is signed, copied, verified elsewhere and exported: the real binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>

#include "base/json.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class EvidenceTest : public ::testing::Test {
 protected:
  EvidenceTest() {
    std::filesystem::create_directory(copy_);
    host_.configure("host=/nowhere dbname=app user=vigie", {});
    host_.write("vigie.yaml",
                host_.read("vigie.yaml") + "evidence: {copy_to: " + copy_.string() + "}\n");
  }
  void leave_entries(int count) {
    for (int i = 0; i < count; ++i)
      ASSERT_EQ(host_.run({"token", "create", "--reason", "<b>=1+1</b>"}).status, 0);
  }
  void stop() {
    host_.signal(SIGTERM);
    EXPECT_EQ(host_.wait(), 0) << host_.log();
  }
  Ran verify_copy(const std::string& key) {
    return host_.run({"evidence", "verify", copy_.string(), "--public-key", key});
  }

  VigieHost host_;
  const platform::Path copy_ = host_.folder() / "copy";
  const platform::Path lines_ = host_.state() / "checkpoints.jsonl";
};

TEST_F(EvidenceTest, EveryCommandThatWritesSignsWhatItLeaves) {
  leave_entries(2);
  EXPECT_EQ(lines_of(lines_).size(), 3U) << "the key, and two checkpoints";
  EXPECT_EQ(std::filesystem::status(host_.state() / "ledger.key").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const Ran verified = host_.run({"evidence", "verify", "--public-key",
                                  (host_.state() / "ledger.pub").string(), "-o", "json"});
  EXPECT_EQ(verified.status, 0) << verified.out << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("\"trusted\": true"));
}

TEST_F(EvidenceTest, ADaemonCopiesWhatItSignsAndAnOlderStateFolderIsFound) {
  leave_entries(1);
  std::filesystem::copy(host_.state(), host_.folder() / "yesterday",
                        std::filesystem::copy_options::recursive);
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.run({"evidence", "rotate-key", "--reason", "yearly"}).status, 0);
  leave_entries(3);
  stop();
  ASSERT_TRUE(host_.serve()) << host_.log();  // what was signed at the stop is copied now
  const auto signed_there = [&] {
    return bytes_of(copy_ / "checkpoints.jsonl") == bytes_of(lines_);
  };
  ASSERT_TRUE(eventually(signed_there)) << host_.log();
  stop();
  const std::string old_key = (host_.folder() / "yesterday" / "ledger.pub").string();
  for (const std::string& key : {old_key, (copy_ / "ledger.pub").string()})
    EXPECT_EQ(verify_copy(key).status, 0) << verify_copy(key).out;
  EXPECT_FALSE(std::filesystem::exists(copy_ / "ledger.key"));

  std::filesystem::remove_all(host_.state());
  std::filesystem::rename(host_.folder() / "yesterday", host_.state());
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_TRUE(eventually([&] { return host_.ask("/readiness").status == 503; })) << host_.log();
  EXPECT_EQ(host_.run({"evidence", "ack", "--reason", "restored"}).status, 0);
  EXPECT_TRUE(eventually([&] { return host_.ask("/readiness").status == 200; })) << host_.log();
  stop();
  EXPECT_EQ(verify_copy((host_.state() / "ledger.pub").string()).status, 0) << "it is as it was";
}

TEST_F(EvidenceTest, ExportsWithAndWithoutADaemon) {
  leave_entries(2);
  const auto file = [&](const char* name) { return (host_.folder() / name).string(); };
  EXPECT_EQ(host_.run({"evidence", "export", "--format", "json", "--file", file("a.json")}).status,
            0);
  const Ran html = host_.run({"evidence", "export"});
  EXPECT_EQ(html.status, 0);
  EXPECT_THAT(html.out, HasSubstr("&lt;b&gt;=1+1&lt;/b&gt;"));
  EXPECT_THAT(html.out, Not(HasSubstr("<b>=1+1")));
  const std::string key = (host_.state() / "ledger.pub").string();
  EXPECT_EQ(
      host_.run({"evidence", "verify", "--export", file("a.json"), "--public-key", key}).status, 0);
  ASSERT_TRUE(host_.serve()) << host_.log();
  const Ran csv = host_.run({"evidence", "export", "--format", "csv", "--kind", "token"});
  EXPECT_EQ(csv.status, 0) << csv.err;
  EXPECT_THAT(csv.out, HasSubstr("\"Token (create)\""));
  leave_entries(1);
  EXPECT_EQ(host_.run({"evidence", "export", "--format", "json", "--file", file("b.json")}).status,
            0);
  const Ran whole =
      host_.run({"evidence", "verify", "--export", file("b.json"), "--public-key", key});
  EXPECT_EQ(whole.status, 0) << whole.out << whole.err << "the daemon has signed its end";
}

TEST(EvidenceInStores, AKillWhileTheLedgerIsCopiedLeavesACopyThatVerifies) {
  PgCluster server;
  server.create_database("app");
  VigieHost host;
  host.configure(server.dsn("app"), {});
  ASSERT_EQ(host.run({"backup", "run", "nightly"}).status, 0);
  (void)host.serve({{"VIGIE_FAILPOINTS", "store.evidence.written=kill"}});
  ASSERT_EQ(host.wait(), 137) << host.log();
  ASSERT_TRUE(host.serve()) << host.log();
  const auto verifies = [&] {
    return host.run({"evidence", "verify", "--from", host.store().string()}).status == 0;
  };
  EXPECT_TRUE(eventually(verifies, 60s)) << host.log();
}

TEST_F(EvidenceTest, ATailThatIsCutOffWithItsMarkShows) {
  leave_entries(3);
  auto lines = lines_of(host_.state() / "ledger" / "ledger.jsonl");
  lines.pop_back();
  write_lines(host_.state() / "ledger" / "ledger.jsonl", lines);
  std::filesystem::remove(host_.state() / "ledger.mark");
  const Ran verified = host_.run({"evidence", "verify"});
  EXPECT_EQ(verified.status, 1);
  EXPECT_THAT(verified.out, HasSubstr("the ledger ends before it"));
  ASSERT_TRUE(host_.serve()) << host_.log();
  EXPECT_EQ(host_.ask("/readiness").status, 503) << "the start found it";
}

}  // namespace
}  // namespace vigie::testing
