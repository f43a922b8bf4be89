// What a server that was killed leaves to the machine.
#include "platform/postmaster.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "tests/support/pg_cluster.h"
#include "tests/support/shared_memory.h"

namespace vigie::platform {
namespace {

using testing::PgCluster;
using testing::segment_is_there;
using testing::segment_of;

class SharedMemoryTest : public ::testing::Test {
 protected:
  PgCluster cluster_;
  const int segment_ = segment_of(cluster_.data_folder());
};

TEST_F(SharedMemoryTest, OfAServerThatWasKilledIsFreed) {
  cluster_.kill9();
  ASSERT_TRUE(segment_is_there(segment_)) << "nothing to free";
  free_shared_memory(real_file_system(), cluster_.data_folder());
  EXPECT_FALSE(segment_is_there(segment_));
  cluster_.start();
  EXPECT_EQ(cluster_.value("SELECT 42"), "42");
}

TEST_F(SharedMemoryTest, OfAServerThatRunsStays) {
  free_shared_memory(real_file_system(), cluster_.data_folder());
  EXPECT_TRUE(segment_is_there(segment_));
}

// The id is another's by now: the key tells.
TEST_F(SharedMemoryTest, OfAnotherKeyStays) {
  PgCluster other;
  const int others = segment_of(other.data_folder());
  other.kill9();
  cluster_.stop();
  std::ofstream(cluster_.data_folder() / "postmaster.pid") << "1\n\n\n\n\n\n"
                                                           << " 12345 " << others << "\n";
  free_shared_memory(real_file_system(), cluster_.data_folder());
  EXPECT_TRUE(segment_is_there(others));
}

TEST_F(SharedMemoryTest, OfAFileThatNamesNoneIsNothing) {
  cluster_.stop();
  for (const char* text : {"", "1\n/data\n", "1\n\n\n\n\n\nkey id\n", "1\n\n\n\n\n\n"}) {
    std::ofstream(cluster_.data_folder() / "postmaster.pid") << text;
    free_shared_memory(real_file_system(), cluster_.data_folder());
  }
}

}  // namespace
}  // namespace vigie::platform
