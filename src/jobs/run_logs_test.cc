#include "jobs/run_logs.h"

#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/json.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::jobs {
namespace {

using platform::LogLevel;

class RunLogsTest : public ::testing::Test {
 protected:
  std::string text(const RunId& run) {
    const auto read =
        platform::read_file(files_, folder_ / "runs" / run.str() / "log.jsonl", 1_MiB);
    return read ? *read : "";
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  platform::Scrubber scrubber_;
  platform::FileSystem& files_ = platform::real_file_system();
  RunLogs logs_{files_, folder_ / "runs", clock_, scrubber_};
  const LogFolders folders_ = LogFolders::of(folder_.path());
  RunId run_ = new_run_id();
};

TEST_F(RunLogsTest, EachStepIsALineForTheOwnerAloneAndHoldsNoSecret) {
  scrubber_.add(Secret("hunter2-long"));
  logs_.write(run_, LogLevel::info, "step", "dump", {{"subject", "app"}});
  logs_.write(run_, LogLevel::warn, "program", "said hunter2-long");
  const std::string all = text(run_);
  const auto first = parse_json(all.substr(0, all.find('\n')));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->at("msg").as_string(), "dump");
  EXPECT_EQ(first->at("subject").as_string(), "app");
  EXPECT_EQ(all.find("hunter2"), std::string::npos);
  EXPECT_EQ(files_.info(folder_ / "runs" / run_.str() / "log.jsonl")->mode, 0600U);
  EXPECT_EQ(files_.info(folder_ / "runs" / run_.str())->mode, 0700U);
}

TEST_F(RunLogsTest, OneRunIsBounded) {
  const std::string line(4000, 'x');
  for (int i = 0; i < 100; ++i) logs_.write(run_, LogLevel::info, "step", line);
  const std::string all = text(run_);
  EXPECT_LE(all.size(), kMostRunLog.count);
  EXPECT_TRUE(all.ends_with("no more is kept of this run\"}\n"));
}

TEST_F(RunLogsTest, OnlyTheNewestRunsAreKept) {
  std::vector<RunId> runs;
  for (int i = 0; i < 4; ++i) {
    runs.push_back(new_run_id());
    logs_.write(runs.back(), LogLevel::info, "step", "x");
    std::filesystem::last_write_time(
        folder_ / "runs" / runs.back().str() / "log.jsonl",
        std::filesystem::file_time_type(std::chrono::hours(24 * (i + 1))));
  }
  ASSERT_TRUE(logs_.retain(2));
  EXPECT_FALSE(logs_.find(runs[0]) || logs_.find(runs[1]));
  EXPECT_TRUE(logs_.find(runs[2]) && logs_.find(runs[3]));
}

TEST_F(RunLogsTest, ThoseOfOlderRunsAreKeptOnAsTheyWere) {
  scrubber_.add(Secret("hunter2-long"));
  logs_.write(run_, LogLevel::info, "step", "dump with hunter2-long");
  const std::string before = text(run_);
  ASSERT_TRUE(logs_.retain(0));
  EXPECT_FALSE(logs_.find(run_));
  const std::string kept = **read_run_log(files_, folders_, run_);
  EXPECT_EQ(kept, before);
  EXPECT_EQ(kept.find("hunter2"), std::string::npos);
  EXPECT_EQ(files_.info(folders_.kept / (run_.str() + ".jsonl.zst"))->mode, 0600U);
}

TEST_F(RunLogsTest, ADigestIsOfWhatWasLoggedSoFar) {
  EXPECT_FALSE(logs_.digest(run_));
  logs_.write(run_, LogLevel::info, "step", "dump");
  const auto digest = logs_.digest(run_);
  ASSERT_TRUE(digest);
  EXPECT_EQ(digest->sha256, sha256_hex(text(run_)));
  logs_.write(run_, LogLevel::info, "run.ended", "succeeded");
  const auto standing = [&] {
    return *check_run_log(files_, folders_, run_, digest->bytes, digest->sha256);
  };
  EXPECT_EQ(standing(), LogStanding::same) << "what came later does not matter";
  ASSERT_TRUE(logs_.retain(0));
  EXPECT_EQ(standing(), LogStanding::same);
}

TEST_F(RunLogsTest, WhatNeverWroteHasNone) {
  EXPECT_TRUE(logs_.retain());
  EXPECT_FALSE(logs_.find(run_));
  EXPECT_FALSE(logs_.find(RunId("../../etc")));
}

}  // namespace
}  // namespace vigie::jobs
