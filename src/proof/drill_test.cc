// A drill whose disk has no room for it, found before anything is made.
#include "proof/drill.h"

#include <gtest/gtest.h>

#include "artefact/artefact_for_test.h"
#include "proof/scratch.h"
#include "proof/scratch_server.h"
#include "tests/support/fake_clock.h"
#include "tests/support/little_space.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using artefact::Manifest;

class DrillSpace : public ::testing::Test {
 protected:
  DrillSpace() {
    options_.name = "weekly";
    options_.scratch.dir = (folder_ / "scratch").string();
  }
  DrillRequest request() {
    DrillRequest request{options_, artefact_, artefact::test_id(), {}, {}};
    request.folder = folder_ / "staging";
    return request;
  }
  Manifest manifest() {
    return *Manifest::parse(artefact_.files.at(std::string(artefact::kManifestName)),
                            artefact::test_id());
  }
  // Of a disk that nobody reserves a part of.
  Result<> prepare(Bytes available) {
    testing::LittleSpace files({{}, available});
    const DrillRequest request = this->request();
    const Manifest manifest = this->manifest();
    return make_scratch({request, manifest, 15, {}}, tools(files))->prepare(Work());
  }
  RestoreTools tools(platform::FileSystem& files) {
    return {files, *processes_, *postgres_, clock_};
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  artefact::MemoryArtefact artefact_ = artefact::test_artefact();
  DrillOptions options_;
};

TEST_F(DrillSpace, ADiskWithoutRoomIsNoVerdictAndGetsNoServer) {
  testing::LittleSpace files({{1_GiB}, {1_MiB}});
  const DrillReport report = drill(request(), tools(files), Work());
  ASSERT_TRUE(report.error);
  EXPECT_EQ(report.error->code(), ErrorCode::scratch_space);
  EXPECT_EQ(report.verdict(), Verdict::could_not_verify);
  EXPECT_FALSE(std::filesystem::exists(scratch_folder_of(options_)));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "staging"));
}

// What is unpacked beside it, the database and its indexes, the server itself.
TEST_F(DrillSpace, ItWantsThreeTimesWhatTheBackupHoldsAndAServer) {
  const Bytes needed{3 * manifest().raw().count + (256_MiB).count};
  EXPECT_TRUE(prepare(needed));
  const auto refused = prepare({needed.count - 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::scratch_space);
}

}  // namespace
}  // namespace vigie::proof
