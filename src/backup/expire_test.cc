#include "backup/expire.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

class ExpireTest : public ::testing::Test {
 protected:
  ExpireTest() {
    job_.name = "nightly";
    job_.databases = {"app"};
    job_.retention = {.keep_last = 1, .daily = 0, .weekly = 0, .monthly = 0, .min_good = 1};
  }

  BackupId add(unsigned day, std::optional<Verdict> verdict = Verdict::passed) {
    ArtefactView one;
    one.id = {"nightly", "app",
              SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / day))};
    one.store = "local";
    one.manifest_sha256 = std::string(64, 'a');
    EXPECT_TRUE(catalogue_->add(one));
    if (verdict) {
      EXPECT_TRUE(catalogue_->record(one.id, {*verdict, VerifyMode::full, SystemTime(1s), ""}));
    }
    return one.id;
  }
  std::vector<BackupId> expired() const { return plan().expired(); }
  PrunePlan plan() const {
    return plan_prune(*catalogue_, job_, "app", {}, now_, [](const auto&) { return true; });
  }

  testing::TempFolder folder_;
  std::unique_ptr<Catalogue> catalogue_ = *Catalogue::open(folder_ / "state.db");
  BackupJobOptions job_;
  SystemTime now_{std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)};
};

TEST_F(ExpireTest, OlderGoodOnesGo) {
  const BackupId old = add(1);
  add(2);
  EXPECT_EQ(expired(), std::vector{old});
}

TEST_F(ExpireTest, ADamagedNewestDoesNotPushOutTheLastGoodOne) {
  add(1);
  add(2, Verdict::failed);
  EXPECT_TRUE(expired().empty());
}

TEST_F(ExpireTest, AnUnverifiedOneCountsForNothingAndStays) {
  add(1);
  add(2, std::nullopt);
  EXPECT_TRUE(expired().empty());
}

TEST_F(ExpireTest, WhatAnOlderStateKnewIsNotThrownAwayForBeingUnverified) {
  job_.retention.min_good = 3;
  for (unsigned day = 1; day <= 5; ++day) add(day, std::nullopt);
  add(6);
  EXPECT_TRUE(expired().empty());
}

TEST_F(ExpireTest, DamagedOnesStayWhileThereAreTooFewGoodOnes) {
  job_.retention.min_good = 2;
  add(1, Verdict::failed);
  add(2);
  EXPECT_TRUE(expired().empty());
}

TEST_F(ExpireTest, AnUnverifiedOneCountsWhereNobodyAsksForVerification) {
  job_.verify.after_backup = VerifyAfterBackup::none;
  const BackupId old = add(1, std::nullopt);
  add(2, std::nullopt);
  EXPECT_EQ(expired(), std::vector{old});
}

TEST_F(ExpireTest, ADamagedOneGoesOnceEveryGoodOneThatIsKeptIsNewer) {
  const BackupId bad = add(1, Verdict::failed);
  add(2);
  EXPECT_EQ(expired(), std::vector{bad});
}

TEST_F(ExpireTest, NothingGoesWhileAnAlarmWaits) {
  add(1, Verdict::failed);
  add(2);
  const auto newest = catalogue_->find(add(3));
  ASSERT_TRUE(catalogue_->add(*newest, PlausibilityAlarm{newest->id, {"shrunk"}, SystemTime(1s)}));
  EXPECT_TRUE(expired().empty());
}

// The clock was ahead for one backup: else that one would count as the newest for days, and each
// new one would expire as soon as it is verified.
TEST_F(ExpireTest, NothingGoesWhileOneIsDatedInTheFuture) {
  add(1);
  add(19);
  const BackupId ahead = add(25);
  add(26, Verdict::failed);
  EXPECT_TRUE(expired().empty());
  EXPECT_NE(plan().decisions.back().reasons.front().find(ahead.str()), std::string::npos);
  now_ = ahead.started_at;
  EXPECT_EQ(expired().size(), 2U);
}

TEST_F(ExpireTest, APinnedOneStaysAndSaysWhy) {
  const BackupId old = add(1);
  add(2);
  ASSERT_TRUE(catalogue_->hold(old, {"pin", "year end", SystemTime(1s)}));
  EXPECT_TRUE(expired().empty());
  EXPECT_NE(plan().decisions.back().reasons.front().find("year end"), std::string::npos);
}

}  // namespace
}  // namespace vigie::backup
