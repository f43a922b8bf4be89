#include "jobs/kept_logs.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "base/hash.h"
#include "tests/support/contents.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

class KeptLogsTest : public ::testing::Test {
 protected:
  platform::Path file(const RunId& run) const { return folders_.kept / (run.str() + ".jsonl.zst"); }
  LogStanding standing(const RunId& run, std::string_view text) {
    return *check_run_log(files_, folders_, run, Bytes{text.size()}, sha256_hex(text));
  }
  // What does not become smaller.
  static std::string noise(size_t size, unsigned seed) {
    std::minstd_rand random(seed);
    std::string out(size, ' ');
    for (char& c : out) c = static_cast<char>(random() >> 8U);
    return out;
  }

  platform::FileSystem& files_ = platform::real_file_system();
  testing::TempFolder folder_;
  const LogFolders folders_ = LogFolders::of(folder_.path());
  const RunId run_ = new_run_id();
};

TEST_F(KeptLogsTest, ALogComesBackAsItWas) {
  const std::string log(200'000, 'x');
  ASSERT_TRUE(KeptLogs(files_, folders_.kept).keep(run_, log));
  EXPECT_LT(files_.info(file(run_))->size.count, 1'000U);
  EXPECT_EQ(**read_run_log(files_, folders_, run_), log);
  EXPECT_EQ(standing(run_, log), LogStanding::same);
  EXPECT_EQ(standing(run_, log.substr(0, 100)), LogStanding::same);
}

TEST_F(KeptLogsTest, OneThatIsThereStays) {
  KeptLogs kept(files_, folders_.kept);
  ASSERT_TRUE(kept.keep(run_, "first"));
  ASSERT_TRUE(kept.keep(run_, "second"));
  EXPECT_EQ(**read_run_log(files_, folders_, run_), "first");
}

TEST_F(KeptLogsTest, WhatIsNotThereIsMissingAndNoChange) {
  EXPECT_EQ(standing(run_, "x"), LogStanding::missing);
  EXPECT_FALSE(*read_run_log(files_, folders_, RunId("../../etc/passwd")));
}

TEST_F(KeptLogsTest, WhatIsOtherOrShorterIsAChange) {
  KeptLogs kept(files_, folders_.kept);
  ASSERT_TRUE(kept.keep(run_, "one\ntwo\n"));
  EXPECT_EQ(standing(run_, "one\nTWO\n"), LogStanding::changed);
  EXPECT_EQ(standing(run_, "one\ntwo\nthree\n"), LogStanding::changed);
}

TEST_F(KeptLogsTest, WhatCannotBeUnpackedIsAChange) {
  ASSERT_TRUE(KeptLogs(files_, folders_.kept).keep(run_, "one\n"));
  for (const std::string& bytes : {std::string("nonsense"), std::string(), noise(400'000, 1)}) {
    std::ofstream(file(run_), std::ios::binary) << bytes;
    EXPECT_EQ(standing(run_, "one\n"), LogStanding::changed);
  }
}

TEST_F(KeptLogsTest, TheOldestGoWhenThereIsNoRoom) {
  KeptLogs kept(files_, folders_.kept, 300_KiB);
  std::vector<RunId> runs;
  for (unsigned i = 0; i < 4; ++i) {
    runs.push_back(new_run_id());
    ASSERT_TRUE(kept.keep(runs.back(), noise(100'000, i)));
    if (i < 3)
      std::filesystem::last_write_time(
          file(runs.back()),
          std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * (3 - i)));
  }
  EXPECT_FALSE(*read_run_log(files_, folders_, runs[0]));
  for (size_t i = 1; i < 4; ++i) EXPECT_TRUE(*read_run_log(files_, folders_, runs[i])) << i;
  KeptLogs later(files_, folders_.kept, 300_KiB);  // of the next process: it counts what is there
  ASSERT_TRUE(later.keep(new_run_id(), noise(100'000, 9)));
  EXPECT_FALSE(*read_run_log(files_, folders_, runs[1]));
}

}  // namespace
}  // namespace vigie::jobs
