// Copies in a second store, by the real binary: made, drilled from, and all that is left when the
// first store is gone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/age_keys.h"
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
  std::filesystem::path offsite() const { return elsewhere_ / "vigie"; }

  PgCluster server_;
  const AgeKeys keys_;
  TempFolder elsewhere_;
  TempFolder scratch_;
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
  const Ran ran = stranger.run({"restore", "run", "--from", offsite().string(), "--identity",
                                keys_.file().string(), "--globals", "--to", other.dsn("app"),
                                "--work-dir", bare.path().string()});
  ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_EQ(dump_as_sql(other, "app"), dump_as_sql(server_, "app"));
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
