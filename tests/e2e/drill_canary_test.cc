// A drill whose checks accept a damaged copy proves nothing, and says so everywhere: by the real
// binary, in words, evidence and status. And a canary that could not be damaged accuses nobody.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "artefact/manifest.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/scratch_dir.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DrillCanaryTest : public ::testing::Test {
 protected:
  // The source holds what `sql` makes, and one backup of it is there.
  void back_up(const std::string& sql, const std::vector<std::string>& drill = {}) {
    source_.create_database("app");
    source_.execute(sql, "app");
    host_.configure(source_.dsn("app"), {});
    host_.add_drill(scratch_.path(), drill);
    const Ran ran = host_.run({"backup", "run", "nightly"});
    ASSERT_EQ(ran.status, 0) << ran.out << ran.err;
  }
  std::string evidence() {
    return host_.run({"evidence", "list", "--kind", "restore_drill", "-o", "json"}).out;
  }
  std::string backup_id() const { return *host_.stored().begin(); }
  // Turns the very bit round that the first canary turns, in the stored bytes.
  void turn_the_bit_of_the_canary() {
    const auto folder = host_.store() / "nightly" / backup_id();
    const auto manifest = artefact::Manifest::parse(contents(folder / "manifest.json"),
                                                    *BackupId::parse(backup_id()));
    ASSERT_TRUE(manifest);
    const auto largest = std::ranges::max_element(
        manifest->files, {}, [](const artefact::FileEntry& one) { return one.raw.count; });
    const auto at = static_cast<std::streamoff>(
        std::min<uint64_t>(largest->stored.count / 2, uint64_t{64} << 10));
    std::fstream file(folder / largest->name, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(at);
    const auto byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(at);
    file.put(byte);
    ASSERT_TRUE(file.flush());
  }

  PgCluster source_;
  // Files that the servers' user can make, and that it sees.
  const platform::Path restored_ = source_.socket_folder() / "restored";
  const platform::Path go_on_ = source_.socket_folder() / "go-on";
  ScratchDir scratch_;
  VigieHost host_;
};

// Damage meets the same damage: what is to be refused is whole, as it would seem to a verification
// that is broken.
TEST_F(DrillCanaryTest, OneThatIsNotRefusedBreaksTheDrillWhateverElsePassed) {
  back_up(fmt::format(R"(
    CREATE TABLE t AS SELECT g AS a, md5(g::text) AS b FROM generate_series(1, 2000) g;
    CREATE FUNCTION meet() RETURNS int LANGUAGE plpgsql AS $$
      BEGIN
        COPY (SELECT 1) TO '{}';
        WHILE pg_catalog.pg_stat_file('{}', true) IS NULL LOOP PERFORM pg_catalog.pg_sleep(0.01); END LOOP;
        RETURN 1;
      END $$;
  )",
                      restored_.string(), go_on_.string()),
          {"assertions:", "  - {name: meets, sql: \"select public.meet()\", equals: 1}"});
  host_.start({"drill", "run", "weekly"});
  ASSERT_TRUE(
      eventually([&] { return std::filesystem::exists(restored_); }, std::chrono::minutes(1)))
      << host_.log();
  turn_the_bit_of_the_canary();
  std::ofstream(go_on_) << "1";
  EXPECT_EQ(host_.wait(), 3) << host_.log();

  EXPECT_THAT(host_.log(), AllOf(HasSubstr("code drill_canary"),
                                 HasSubstr("canary.one_flipped_bit was not refused")));
  const auto found = host_.drill_checks();
  for (const char* id : {"restore", "rows", "fingerprints", "sql: meets", "canary.truncated_file",
                         "canary.missing_file", "canary.row_removed_after_restore"})
    EXPECT_EQ(found.contains(id) ? found.at(id) : "missing", "passed") << id;
  EXPECT_EQ(found.at("canary.one_flipped_bit"), "failed");
  EXPECT_THAT(evidence(), AllOf(HasSubstr("\"could_not_verify\""), HasSubstr("\"drill_canary\"")));
  EXPECT_THAT(host_.run({"drill", "list"}).out, Not(HasSubstr("passed")));
  EXPECT_THAT(host_.run({"status"}).out, HasSubstr("drill_canary"));
  EXPECT_THAT(host_.run({"backup", "show", backup_id(), "-o", "json"}).out,
              Not(HasSubstr("\"drill\"")))
      << "nothing is held for it";
  EXPECT_TRUE(scratch_.is_clean());

  turn_the_bit_of_the_canary();
  const Ran next = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(next.status, 0) << next.out << next.err;
  EXPECT_EQ(host_.drill_checks().at("canary.one_flipped_bit"), "passed");
  EXPECT_THAT(host_.run({"status"}).out, Not(HasSubstr("drill_canary")));
}

// Nothing is missing in the end, so nothing could be refused.
TEST_F(DrillCanaryTest, ARowThatATriggerPutsBackAccusesNobody) {
  back_up(
      "CREATE TABLE t AS SELECT 1 AS a; CREATE FUNCTION back() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN INSERT INTO public.t SELECT OLD.*; RETURN NULL; END'; CREATE TRIGGER back AFTER "
      "DELETE ON t FOR EACH ROW EXECUTE FUNCTION back(); ALTER TABLE t ENABLE ALWAYS TRIGGER back");
  const Ran ran = host_.run({"drill", "run", "weekly"});
  EXPECT_EQ(ran.status, 3) << ran.out << ran.err;
  EXPECT_THAT(ran.err, AllOf(HasSubstr("drill_check_unknown"), Not(HasSubstr("drill_canary"))));
  const auto found = host_.drill_checks();
  EXPECT_EQ(found.at("canary.row_removed_after_restore"), "could_not_verify");
  EXPECT_EQ(found.at("canary.table_removed_after_restore"), "passed");
}

}  // namespace
}  // namespace vigie::testing
