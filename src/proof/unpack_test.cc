// What of a stored backup is given to pg_restore, and what keeps it back.
#include "proof/unpack.h"

#include <gtest/gtest.h>

#include "artefact/artefact_for_test.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

class UnpackTest : public ::testing::Test {
 protected:
  Result<Unpacked> unpacked(bool strangers_are_fine) {
    UnpackRequest request{artefact_, artefact::test_id(), {}, folder_.path() / "work"};
    request.strangers_are_fine = strangers_are_fine;
    auto& files = platform::real_file_system();
    EXPECT_TRUE(files.create_folder(request.folder));
    return unpack(files, *processes_, clock_, request, work_);
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  artefact::MemoryArtefact artefact_ = artefact::test_artefact();
  Work work_;
};

TEST_F(UnpackTest, GivesTheArchiveWithoutItsCompression) {
  const auto out = unpacked(false);
  ASSERT_TRUE(out) << out.error().detail(Audience::operators);
  EXPECT_TRUE(std::filesystem::exists(out->archive / "toc.dat"));
  EXPECT_TRUE(std::filesystem::exists(out->archive / "3456.dat"));
}

// What rsync or an NFS server leaves beside it refuses no restore after a lost host.
TEST_F(UnpackTest, AFileThatTheManifestDoesNotNameIsToldWhereItIsFine) {
  artefact_.files["dump/nfs0001"] = "x";
  const auto out = unpacked(true);
  ASSERT_TRUE(out) << out.error().detail(Audience::operators);
  ASSERT_EQ(out->strangers.size(), 1U);
  EXPECT_EQ(out->strangers.front().code(), ErrorCode::artefact_extra_file);
  EXPECT_FALSE(std::filesystem::exists(out->archive / "nfs0001"));
}

TEST_F(UnpackTest, ElseItIsRefused) {
  artefact_.files["dump/nfs0001"] = "x";
  const auto out = unpacked(false);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), ErrorCode::artefact_extra_file);
}

TEST_F(UnpackTest, DamageIsToldWhateverElseLiesThere) {
  artefact_.files["dump/nfs0001"] = "x";
  artefact_.files["dump/3456.dat.zst"][20] ^= 1;
  const auto out = unpacked(true);
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code(), ErrorCode::artefact_hash);
}

}  // namespace
}  // namespace vigie::proof
