// Copies in a second store, by the real binary: made, drilled from, and all that is left when the
// first store is gone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "base/json.h"
#include "tests/support/age_keys.h"
#include "tests/support/hanging_calls.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/recovery_card_steps.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CopiesTest : public ::testing::Test {
 protected:
  CopiesTest() {
    server_.create_database("app");
    server_.execute("CREATE TABLE t AS SELECT generate_series(1, 5000) AS a", "app");
    ::chmod(scratch_.path().c_str(), 0755);
    host_.configure(server_.dsn("app"),
                    {"copies: [offsite]",
                     "retention: {keep_last: 1, daily: 0, weekly: 0, monthly: 0, min_good: 1}",
                     fmt::format("encryption: {{recipients: [{}]}}", keys_.recipient())});
    std::string text = host_.read("vigie.yaml");
    const std::string stores = "stores:\n";
    text.insert(text.find(stores) + stores.size(),
                fmt::format("  offsite: {{path: {}, off_host: true}}\n", offsite().string()));
    text += fmt::format(
        "drills:\n  monthly:\n    backup: nightly\n    from: offsite\n    scratch: {{dir: {}}}\n"
        "    canary: never\n    identity_file: {}\n",
        (scratch_ / "s").string(), keys_.file().string());
    host_.write("vigie.yaml", text);
  }
  // What a run says of itself.
  static std::string said_of(const Ran& run, std::string_view key) {
    const auto document = parse_json(run.out);
    const json::object* const result =
        document && document->is_object() ? find_object(document->as_object(), "result") : nullptr;
    const json::string* const said = result == nullptr ? nullptr : find_string(*result, key);
    return said == nullptr ? "" : std::string(*said);
  }
  std::filesystem::path offsite() const { return elsewhere_ / "vigie"; }

  PgCluster server_;
  const AgeKeys keys_;
  TempFolder elsewhere_;
  TempFolder scratch_;
  HangingCalls calls_;
  VigieHost host_;
};

TEST_F(CopiesTest, WithNothingButTheCopyAndTheKeyTheRowsAreBack) {
  const Ran taken = host_.run({"backup", "run", "nightly"});
  ASSERT_EQ(taken.status, 0) << taken.out << taken.err;
  EXPECT_THAT(host_.run({"status"}).out, Not(HasSubstr("no_copy_off_host")));
  EXPECT_THAT(host_.run({"evidence", "list", "--kind", "copy_verify"}).out, HasSubstr("passed"));
  const Ran drilled = host_.run({"drill", "run", "monthly"});
  ASSERT_EQ(drilled.status, 0) << drilled.out << drilled.err;
  EXPECT_THAT(host_.run({"evidence", "list", "--kind", "restore_drill_offsite"}).out,
              HasSubstr("passed"));

  std::filesystem::remove_all(host_.store());
  std::filesystem::remove_all(host_.state());
  const TempFolder bare;
  PgCluster other;
  VigieHost stranger;
  const Ran ran =
      stranger.run({"restore", "run", "--from", offsite().string(), "--identity",
                    keys_.file().string(), "--globals", "--to", other.dsn("app"), "--work-dir",
                    bare.path().string(), "--bindir", pg_bindir().string()});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(dump_as_sql(other, "app"), dump_as_sql(server_, "app"));
}

// Everything but the copies is gone with the host; of what the database has lost meanwhile, the
// newest copy still tells.
TEST_F(CopiesTest, AFirstBackupIsComparedWithTheNewestCopy) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  std::filesystem::remove_all(host_.store());
  std::filesystem::remove_all(host_.state());
  server_.execute("TRUNCATE t", "app");
  const Ran adopted = host_.run({"store", "adopt", "offsite", "--reason", "the host was lost"});
  ASSERT_EQ(adopted.status, 0) << adopted.out << adopted.err;
  const Ran taken = host_.run({"backup", "run", "nightly", "-o", "json"});
  EXPECT_EQ(taken.status, 0) << taken.out << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("\"plausibility\""));
  EXPECT_THAT(host_.run({"status"}).out, HasSubstr("plausibility"));
}

// A store that hangs keeps its copies waiting, and nothing else.
TEST_F(CopiesTest, TheDaemonCopiesInARunOfItsOwnThatNoBackupWaitsFor) {
  if (!HangingCalls::possible()) GTEST_SKIP() << "the kernel lets nobody hold calls here";
  host_.hold_calls_by(calls_);
  ASSERT_TRUE(host_.serve()) << host_.log();
  const Ran taken = host_.run({"backup", "run", "nightly"});
  EXPECT_EQ(taken.status, 0) << taken.out << taken.err;
  EXPECT_THAT(taken.err, HasSubstr("copies follow in a run of their own: vigie run show "));
  const auto copied = [&] {
    return host_.run({"status"}).out.find("no_copy_off_host") == std::string::npos;
  };
  EXPECT_TRUE(eventually(copied, std::chrono::minutes(1))) << host_.log();

  calls_.hang(offsite());
  const Ran second = host_.run({"backup", "run", "nightly", "-o", "json"});
  EXPECT_EQ(second.status, 0) << second.out << second.err;
  const std::string copying = said_of(second, "copy_run");
  ASSERT_TRUE(calls_.holds(1));
  EXPECT_EQ(host_.state_of(copying), "running");
  const Ran third = host_.run({"backup", "run", "nightly", "-o", "json"});
  EXPECT_EQ(third.status, 0) << third.out << third.err;
  EXPECT_EQ(said_of(third, "copies_wait_for"), copying);
  EXPECT_EQ(host_.state_of(copying), "running");
  calls_.release();
}

// Nothing is missed that we have removed ourselves, and nothing is left half.
TEST_F(CopiesTest, AKillInTheMidstLosesNothing) {
  EXPECT_TRUE(
      host_.run({"backup", "run", "nightly"}, {{"VIGIE_FAILPOINTS", "backup.after_copy=kill"}})
          .killed());
  EXPECT_EQ(host_.run({"backup", "copy", "nightly"}).status, 0);
  EXPECT_TRUE(host_
                  .run({"backup", "run", "nightly"},
                       {{"VIGIE_FAILPOINTS", "backup.after_copy_remove=kill"}})
                  .killed());
  const Ran copied = host_.run({"backup", "copy", "nightly"});
  EXPECT_EQ(copied.status, 0) << copied.out << copied.err;
  size_t there = 0;
  for (const auto& entry : std::filesystem::directory_iterator(offsite() / "nightly"))
    there += std::filesystem::exists(entry.path() / "manifest.json") ? 1 : 10;
  EXPECT_EQ(there, 1U);
  EXPECT_THAT(host_.run({"evidence", "list", "--kind", "backup_copy", "-o", "jsonl"}).out,
              Not(HasSubstr("backup_lost")));
}

// It reads what nobody reads again for weeks.
TEST_F(CopiesTest, ACopyThatADrillFindsDamagedIsMadeAnew) {
  ASSERT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  ASSERT_EQ(host_.run({"backup", "copy", "nightly"}).status, 0);
  const auto copy = offsite() / "nightly" / *host_.stored().begin();
  const auto damaged = std::filesystem::directory_iterator(copy / "dump")->path();
  std::string bytes = contents(damaged);
  bytes[bytes.size() / 2] ^= 1;
  std::ofstream(damaged, std::ios::binary) << bytes;
  const Ran drill = host_.run({"drill", "run", "monthly"});
  EXPECT_EQ(drill.status, 1) << drill.out << drill.err;
  EXPECT_THAT(host_.run({"status", "-o", "json"}).out, HasSubstr("no_recent_copy"));
  const Ran again = host_.run({"backup", "copy", "nightly"});
  ASSERT_EQ(again.status, 0) << again.out << again.err;
  EXPECT_EQ(host_.run({"drill", "run", "monthly"}).status, 0);
}

TEST_F(CopiesTest, AStoreThatIsAwayIsAWarningUntilItIsBack) {
  host_.write("blocked", "", 0644);
  std::filesystem::create_directories(offsite().parent_path());
  std::filesystem::create_symlink(host_.folder() / "blocked", offsite());
  const Ran taken = host_.run({"backup", "run", "nightly"});
  EXPECT_EQ(taken.status, 0) << taken.out << taken.err;
  EXPECT_EQ(host_.stored().size(), 1U);
  EXPECT_THAT(taken.out + taken.err, HasSubstr("copy"));
  EXPECT_THAT(host_.run({"status"}).out, HasSubstr("no_copy_off_host"));
  EXPECT_NE(host_.run({"backup", "copy", "nightly"}).status, 0);

  std::filesystem::remove(offsite());
  const Ran copied = host_.run({"backup", "copy", "nightly"});
  EXPECT_EQ(copied.status, 0) << copied.out << copied.err;
  EXPECT_THAT(host_.run({"status"}).out, Not(HasSubstr("no_copy_off_host")));
  EXPECT_EQ(host_.run({"backup", "copy", "weekly"}).status, 2);
}

}  // namespace
}  // namespace vigie::testing
