// The comparison of what was acknowledged with what is there: each way in which it can be wrong.
#include "proof/witness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proof/witness_log.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;

const std::string kKey = "0123456789abcdef0123456789abcdef";

FoundRow row(uint32_t writer, uint64_t seq, uint64_t position) {
  return {{writer, seq}, witness_content(kKey, {writer, seq}), position};
}

class Witness : public ::testing::Test {
 protected:
  Witness() {
    record_.key = kKey;
    record_.acknowledged = {{1, {1, 2, 3}}, {2, {1, 3}}};
    record_.sent = {{1, 4}, {2, 3}};  // 1/4 and 2/2 are indeterminate
    found_ = {row(2, 3, 9), row(1, 1, 1), row(1, 2, 3), row(1, 3, 4), row(2, 1, 2)};
  }
  WitnessVerdict judged() const { return judge_witness(record_, found_); }

  WitnessRecord record_;
  std::vector<FoundRow> found_;
};

TEST_F(Witness, AllThatWasAcknowledgedIsThere) {
  EXPECT_TRUE(judged().holds());
  EXPECT_EQ(judged().acknowledged, 5u);
  EXPECT_EQ(judged().present, 5u);
  EXPECT_EQ(judged().indeterminate_there, 0u);
  EXPECT_EQ(judged().indeterminate_absent, 2u);
}

TEST_F(Witness, WhatWasInFlightIsNeitherLostNorSaved) {
  found_.push_back(row(1, 4, 12));
  EXPECT_TRUE(judged().holds());
  EXPECT_EQ(judged().indeterminate_there, 1u);
  EXPECT_EQ(judged().indeterminate_absent, 1u);
}

TEST_F(Witness, AnAcknowledgedRowThatIsGoneIsLost) {
  std::erase_if(found_, [](const FoundRow& one) { return one.row == WitnessRow{1, 2}; });
  EXPECT_FALSE(judged().holds());
  EXPECT_THAT(judged().lost, ElementsAre(WitnessRow{1, 2}));
  EXPECT_EQ(judged().present, 4u);
  found_.clear();
  EXPECT_EQ(judged().lost.size(), 5u) << "the table is gone";
}

TEST_F(Witness, ARowThatWasChangedIsNamed) {
  found_[0].content[0] = '!';
  EXPECT_THAT(judged().changed, ElementsAre(WitnessRow{2, 3}));
}

TEST_F(Witness, ARowThatNobodySentIsNamed) {
  found_.push_back(row(1, 5, 20));
  found_.push_back(row(7, 1, 21));
  found_.push_back({});
  EXPECT_THAT(judged().never_sent,
              ElementsAre(WitnessRow{0, 0}, WitnessRow{1, 5}, WitnessRow{7, 1}));
}

TEST_F(Witness, RowsBehindTheLogThatOnlyTheKeyCanHaveWrittenAreToldFromOthers) {
  found_.push_back(row(1, 5, 20));
  found_.push_back(row(1, 6, 21));
  EXPECT_FALSE(judged().holds());
  EXPECT_TRUE(judged().is_newer_than_its_log());
  found_.push_back({{1, 7}, std::string(64, '0'), 22});
  EXPECT_FALSE(judged().is_newer_than_its_log()) << "that one was never sent";
  found_.pop_back();
  std::erase_if(found_, [](const FoundRow& one) { return one.row == WitnessRow{1, 2}; });
  EXPECT_FALSE(judged().is_newer_than_its_log()) << "and a row is lost";
}

TEST_F(Witness, TheOrderWithinAWriterHolds) {
  found_[2].position = 5;  // 1/2 behind 1/3
  EXPECT_THAT(judged().out_of_order, ElementsAre(WitnessRow{1, 3}));
}

TEST_F(Witness, ARowThatIsThereTwiceIsNamed) {
  found_.push_back(row(1, 1, 15));
  EXPECT_THAT(judged().twice, ElementsAre(WitnessRow{1, 1}));
}

TEST(WitnessLogFile, SaysWhatWasAcknowledgedAndIgnoresALineThatIsCutOff) {
  const testing::TempFolder folder;
  auto& files = platform::real_file_system();
  const auto path = folder / "w.log";
  auto log = *WitnessLog::create(files, path, kKey);
  for (const WitnessRow one : {WitnessRow{1, 1}, WitnessRow{2, 1}, WitnessRow{1, 2}})
    ASSERT_TRUE(log->acknowledge(one));
  ASSERT_TRUE((*files.open_append(path))->append(as_bytes("2 1")));
  const auto record = read_witness_log(files, path);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->key, kKey);
  EXPECT_THAT(record->acknowledged.at(1), ElementsAre(1, 2));
  EXPECT_EQ(record->sent.at(2), 2u);
}

TEST(WitnessLogFile, IsGoneOnWithAndNoNumberComesTwice) {
  const testing::TempFolder folder;
  auto& files = platform::real_file_system();
  const auto path = folder / "w.log";
  auto log = *WitnessLog::create(files, path, kKey);
  ASSERT_TRUE(log->acknowledge({1, 1}));
  ASSERT_TRUE(log->unanswered({1, 2}));
  ASSERT_TRUE(log->unanswered({1, 3}));
  log.reset();
  ASSERT_TRUE((*files.open_append(path))->append(as_bytes("1 4")));  // cut off
  for (const uint64_t may_be_in_flight : {4, 5}) {
    auto resumed = WitnessLog::resume(files, path, 1);
    ASSERT_TRUE(resumed);
    EXPECT_THAT(resumed->record.acknowledged.at(1), ElementsAre(1));
    EXPECT_EQ(resumed->record.sent.at(1), may_be_in_flight);
  }
  auto resumed = WitnessLog::resume(files, path, 1);
  ASSERT_TRUE(resumed->log->acknowledge({1, 7}));
  EXPECT_THAT(read_witness_log(files, path)->acknowledged.at(1), ElementsAre(1, 7));
}

TEST(WitnessLogFile, KnowsWhenItsLastRowWasAcknowledged) {
  const testing::TempFolder folder;
  auto& files = platform::real_file_system();
  const auto path = folder / "w.log";
  const SystemTime at{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20) +
                      std::chrono::milliseconds(1500)};
  auto log = *WitnessLog::create(files, path, kKey);
  ASSERT_TRUE(log->acknowledge({1, 1}));
  log.reset();
  EXPECT_FALSE(WitnessLog::resume(files, path, 1)->last_at) << "an older release wrote it";
  log = std::move(WitnessLog::resume(files, path, 1)->log);
  ASSERT_TRUE(log->acknowledge({1, 4}, at));
  log.reset();
  const auto resumed = WitnessLog::resume(files, path, 1);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(resumed->last_at, at);
  EXPECT_THAT(resumed->record.acknowledged.at(1), ElementsAre(1, 4));
}

TEST(WitnessLogFile, RefusesWhatIsNone) {
  const testing::TempFolder folder;
  auto& files = platform::real_file_system();
  const auto path = folder / "w.log";
  for (const char* text :
       {"", "x\n", "vigie.witness/2 k\n1 1\n", "vigie.witness/1 k\n1 x\n",
        "vigie.witness/1 k\n1 0\n", "vigie.witness/1 k\n? 1\n", "vigie.witness/1 k\n1 1 1\n",
        "vigie.witness/1 k\n1 1 \n", "vigie.witness/1 k\n1 12026-11-20T02:00:00Z\n"}) {
    ASSERT_TRUE(platform::write_file_replace(files, path, text));
    const auto record = read_witness_log(files, path);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code(), ErrorCode::file_corrupt) << text;
  }
}

// What was acknowledged is there after a crash at any moment; more may be.
TEST(WitnessLogFile, WhatCountsSurvivesACrash) {
  const testing::TempFolder folder;
  testing::FaultyFileSystem files(folder.path());
  const auto path = folder / "w.log";
  auto log = *WitnessLog::create(files, path, kKey);
  for (uint64_t seq = 1; seq <= 5; ++seq) ASSERT_TRUE(log->acknowledge({1, seq}));
  log.reset();
  files.crash();

  const auto record = read_witness_log(platform::real_file_system(), path);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->acknowledged.at(1).size(), 5u);
}

}  // namespace
}  // namespace vigie::proof
