// Large objects on a real server, against the files of an archive: every way in which they may
// differ.
#include "proof/large_objects.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proof/restore.h"
#include "tests/support/hanging_server.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As long as a piece, and a byte more and less; one of two pieces; empty.
constexpr size_t kLengths[] = {
    0, 1, kLargeObjectPiece - 1, kLargeObjectPiece, kLargeObjectPiece + 1, 2 * kLargeObjectPiece};

constexpr std::chrono::seconds kAllowed{5};
constexpr std::chrono::seconds kPatience{10};

class LargeObjects : public ::testing::Test {
 protected:
  LargeObjects() {
    manifest_.server.lc_monetary = "C";
    manifest_.server.encoding = "UTF8";
    uint32_t oid = 4001;
    for (const size_t length : kLengths) add(oid++, length);
  }
  // On the server, and in the archive.
  void add(uint32_t oid, size_t length) {
    server_.execute(
        fmt::format("SELECT lo_from_bytea({}, convert_to(repeat('x', {}), 'UTF8'))", oid, length));
    add_file(oid, std::string(length, 'x'));
  }
  void add_file(uint32_t oid, const std::string& bytes) {
    const std::string name = fmt::format("blob_{}.dat", oid);
    ASSERT_TRUE(platform::write_file_new(platform::real_file_system(), archive_ / name, bytes));
    manifest_.files.push_back({"dump/" + name + ".zst", artefact::FileKind::blob,
                               artefact::Codec::zstd, Bytes{bytes.size()}});
  }
  Result<LargeObjectsCompared> compare_by(platform::PgConnector& connector, const Work& work) {
    return compare_large_objects(connector, platform::real_file_system(),
                                 {manifest_, archive_.path(), server_.named_dsn(), "test"}, work);
  }
  Result<LargeObjectsCompared> compare() {
    Work work;
    work.deadline = MonoTime::clock::now() + std::chrono::minutes(1);
    work.progress = [this](const WorkProgress& progress) { told_ = progress.done; };
    return compare_by(*connector_, work);
  }
  std::vector<uint32_t> different_after(const std::string& sql) {
    server_.execute(sql);
    const auto compared = compare();
    EXPECT_TRUE(compared) << compared.error().detail(Audience::operators);
    return compared.value_or(LargeObjectsCompared{}).differ;
  }

  testing::PgCluster server_;
  const testing::TempFolder archive_;
  std::unique_ptr<platform::PgConnector> connector_ = platform::make_pg_connector();
  artefact::Manifest manifest_;
  Bytes told_;
};

TEST_F(LargeObjects, ThatAreAlikeAreCountedAndToldOf) {
  const auto compared = compare();
  ASSERT_TRUE(compared) << compared.error().detail(Audience::operators);
  EXPECT_EQ(compared->count, std::size(kLengths));
  EXPECT_THAT(compared->differ, IsEmpty());
  Bytes all;
  for (const artefact::FileEntry& file : manifest_.files) all += file.raw;
  EXPECT_EQ(told_, all);
}

TEST_F(LargeObjects, OtherBytesAreFoundInAnyPiece) {
  EXPECT_THAT(different_after("SELECT lo_put(4002, 0, 'y')"), ElementsAre(4002U));
  EXPECT_THAT(different_after("SELECT lo_put(4002, 0, 'x'), lo_put(4006, 5000000, 'y')"),
              ElementsAre(4006U));
}

TEST_F(LargeObjects, AByteMoreOrFewerIsFound) {
  EXPECT_THAT(different_after("SELECT lo_put(4001, 0, 'x')"), ElementsAre(4001U));
  EXPECT_THAT(different_after(fmt::format("SELECT lo_put(4004, {}, 'x')", kLargeObjectPiece)),
              ElementsAre(4001U, 4004U))
      << "behind a whole piece";
  EXPECT_THAT(different_after("SELECT lo_truncate(lo_open(4005, 131072), 4194304)"),
              ElementsAre(4001U, 4004U, 4005U));
}

TEST_F(LargeObjects, OneThatIsMissingIsFoundEvenIfItIsEmpty) {
  EXPECT_THAT(different_after("SELECT lo_unlink(4001), lo_unlink(4006)"),
              ElementsAre(4001U, 4006U));
}

TEST_F(LargeObjects, AFileThatNamesNoneIsRefused) {
  manifest_.files.push_back({"dump/blob_x.dat.zst", artefact::FileKind::blob});
  const auto compared = compare();
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code(), ErrorCode::manifest_invalid);
}

TEST_F(LargeObjects, WhereThereAreNoneNothingIsCounted) {
  manifest_.files.clear();
  const auto compared = compare();
  ASSERT_TRUE(compared);
  EXPECT_EQ(compared->count, 0U);
}

// As where rows are compared: silence may be work, so only the run's deadline speaks.
TEST_F(LargeObjects, AServerThatHangsEndsWithTheWork) {
  testing::HangingServer hangs(*connector_, "lo_get");
  Work work;
  work.deadline = MonoTime::clock::now() + kAllowed;
  const auto compared = compare_by(hangs, work);
  EXPECT_LT(MonoTime::clock::now(), work.deadline + kPatience);
  ASSERT_TRUE(hangs.hung());
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code(), ErrorCode::database_timeout);
  EXPECT_EQ(verdict_on_backup(compared.error()), Verdict::could_not_verify);
}

TEST_F(LargeObjects, AServerThatHangsEndsWhenItIsStopped) {
  std::stop_source stop;
  testing::HangingServer hangs(*connector_, "lo_get", [&] { stop.request_stop(); });
  Work work;
  work.stop = stop.get_token();
  const MonoTime began = MonoTime::clock::now();
  const auto compared = compare_by(hangs, work);
  EXPECT_LT(MonoTime::clock::now(), began + kPatience);
  ASSERT_FALSE(compared);
  EXPECT_EQ(compared.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace vigie::proof
