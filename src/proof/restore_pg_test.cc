// A restore into a real server that is refused before anything is made there.
#include "proof/restore.h"

#include <gtest/gtest.h>

#include "artefact/artefact_for_test.h"
#include "tests/support/fake_clock.h"
#include "tests/support/little_space.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

TEST(Restore, WithoutRoomToUnpackItMakesNothing) {
  testing::PgCluster server;
  const testing::TempFolder folder;
  const testing::FakeClock clock;
  const auto processes = platform::make_process_runner();
  const auto postgres = platform::make_pg_connector();
  artefact::MemoryArtefact artefact = artefact::test_artefact();
  testing::LittleSpace files({{1_GiB}, {1}});
  RestoreRequest request{artefact, artefact::test_id(), {}, server.named_dsn("copy"), {}};
  request.folder = folder / "work";
  Work work;
  work.run = new_run_id();

  const auto restored = restore(request, {files, *processes, *postgres, clock}, work);
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code(), ErrorCode::restore_space);
  EXPECT_EQ(restored.error().info().verdict, Verdict::could_not_verify);
  EXPECT_EQ(server.value("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database"),
            "postgres template0 template1");
  EXPECT_FALSE(std::filesystem::exists(request.folder));
}

}  // namespace
}  // namespace vigie::proof
