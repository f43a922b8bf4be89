// Copies that are read, damaged, left half, or given up: what stays, what goes, and who says so.
#include <gtest/gtest.h>

#include "tests/support/copies.h"

namespace vigie::backup {
namespace {

Result<Reading> read(Copies& at, const BackupId& id) {
  return at.test.room().copies().read(id, "offsite", no_limits());
}

TEST_F(Copies, OneThatIsReadStaysAndGoesWithALaterRun) {
  test.good(night(19));
  copy();
  test.good(night(20));
  {
    const auto reading = read(*this, night(19));
    ASSERT_TRUE(reading);
    EXPECT_EQ(copy().verdict, Verdict::passed);
    EXPECT_EQ(there(), (std::vector{night(19), night(20)}));
  }
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(20)});
}

TEST_F(Copies, OneThatGoesIsNotRead) {
  test.good(night(19));
  copy();
  test.good(night(20));
  test.offsite_files.kept = "1.dat.zst";
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  const auto reading = read(*this, night(19));
  ASSERT_FALSE(reading);
  EXPECT_EQ(reading.error().code(), ErrorCode::backup_not_found);
}

TEST_F(Copies, ADamagedOneThatIsReadIsNotReplaced) {
  test.good(night(20));
  copy();
  damage_copy(night(20));
  {
    const auto reading = read(*this, night(20));
    ASSERT_TRUE(reading);
    EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
    EXPECT_EQ(last_error(), "run_conflict");
    EXPECT_EQ(there(), std::vector{night(20)});
  }
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(find(night(20))->verdict(), Verdict::passed);
}

// Nobody knew it as whole, and its original expired as it should.
TEST_F(Copies, TheDebrisOfOneWhoseOriginalHasExpiredGoes) {
  test.good(night(18));
  test.good(night(20));
  leave_debris(night(18));
  expire_original(night(18));
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_FALSE(lies_there(night(18)));
}

TEST_F(Copies, TheDebrisBesideALostOriginalStaysUntilTheLossIsAcknowledged) {
  test.good(night(18));
  test.good(night(20));
  leave_debris(night(18));
  lose_original(night(18));
  copy();
  EXPECT_TRUE(lies_there(night(18)));
  ASSERT_TRUE(test.room().acknowledge(night(18), RoomForTest::work()));
  copy();
  EXPECT_FALSE(lies_there(night(18)));
}

// It was whole, its original expired as it should, and somebody removed its manifest.
TEST_F(Copies, WhatRemainsOfAWholeOneGoesWhenSomebodyHasGivenItUp) {
  test.good(night(20));
  copy();
  expire_original(night(20));
  std::filesystem::remove(test.offsite().artefact_path(night(20)) / artefact::kManifestName);
  copy();
  copy();
  EXPECT_TRUE(lies_there(night(20)));
  ASSERT_TRUE(test.room().acknowledge(night(20), RoomForTest::work()));
  copy();
  EXPECT_FALSE(lies_there(night(20)));
}

// No run can mend it, so a person says that it may go.
TEST_F(Copies, ADamagedOneWhoseOriginalIsGoneIsGivenUp) {
  test.good(night(20));
  copy();
  expire_original(night(20));
  damage_copy(night(20));
  const Outcome before = copy();
  EXPECT_EQ(before.result.at("damaged").as_array().size(), 1U) << "the run says what to do";
  EXPECT_EQ(there(), std::vector{night(20)}) << "it is the only one";
  ASSERT_TRUE(test.room().acknowledge(night(20), RoomForTest::work()));
  EXPECT_EQ(test.entries("acknowledgement").back().at("subject").at("act").as_string(),
            "copy_give_up");
  const auto twice = test.room().acknowledge(night(20), RoomForTest::work());
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code(), ErrorCode::nothing_to_acknowledge);
  const Outcome last = copy();
  EXPECT_EQ(last.verdict, Verdict::passed)
      << (last.error ? last.error->detail(Audience::operators) : "");
  EXPECT_TRUE(there().empty());
  EXPECT_EQ(acts(), "copy give_up");
}

TEST_F(Copies, ADamagedOneBesideItsGoodOriginalIsNotGivenUpButReplaced) {
  test.good(night(20));
  copy();
  damage_copy(night(20));
  const auto refused = test.room().acknowledge(night(20), RoomForTest::work());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::nothing_to_acknowledge);
  EXPECT_NE(refused.error().detail(Audience::everybody).find("vigie backup copy nightly"),
            std::string::npos);
}

// As in the first store.
TEST_F(Copies, ADamagedOneGoesWhenAllThatAreKeptAreNewer) {
  test.good(night(19));
  copy();
  expire_original(night(19));
  damage_copy(night(19));
  test.good(night(20));
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(20)});
}

TEST_F(Copies, OneThatOnlyNoListShowsIsNotMissed) {
  test.good(night(20));
  copy();
  test.offsite_files.unlisted = night(20).str();
  copy();
  EXPECT_EQ(acts(), "copy") << "it is asked for before it is called gone";
  ASSERT_TRUE(find(night(20)));
}

// Were it not refused, the first store's only backup would be a copy that may expire.
TEST_F(Copies, TheJobsOwnStoreUnderAnotherNameIsRefused) {
  test.publish(night(20));
  test.copy_into_itself();
  test.reconcile();
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::passed);
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  EXPECT_FALSE(find(night(20)));
  EXPECT_TRUE(std::filesystem::exists(test.store().artefact_path(night(20))));
}

// The first store is lost for good, and the job writes into the second one from now on.
TEST_F(Copies, AreBackupsOnceTheirStoreIsTheJobsOwn) {
  test.good(night(20));
  copy();
  lose_original(night(20));
  ASSERT_TRUE(test.room().give_up(night(20), RoomForTest::work()));
  test.job().copies = {};
  test.job().store = "offsite";
  test.keep_offsite = true;
  test.configure();
  test.reconcile();
  ASSERT_TRUE(test.find(night(20)));
  EXPECT_EQ(test.find(night(20))->store, "offsite");
  EXPECT_FALSE(find(night(20))) << "it is no copy any more";
}

// What became good while a run was at work is not what that run looked at.
TEST_F(Copies, WhatBecomesGoodWhileARunCopiesIsDueAfterIt) {
  test.good(night(19));
  test.publish(night(20));
  bool once = false;
  test.files.before_read = [&](const platform::Path& path) {
    if (path.filename() != "1.dat.zst" || std::exchange(once, true)) return;
    test.reconcile();
    EXPECT_EQ(test.verify(night(20)).verdict, Verdict::passed);
  };
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(19)});
  EXPECT_EQ(due(), std::vector<std::string>{"nightly"});
}

TEST_F(Copies, WhoComesSecondToOnePlaceIsRefused) {
  test.good(night(20));
  std::optional<Outcome> second;
  test.offsite_files.before_read = [&](const platform::Path&) {
    if (second) return;
    second.emplace();
    second = copy();
  };
  EXPECT_EQ(copy().verdict, Verdict::passed);
  ASSERT_TRUE(second && second->error);
  EXPECT_EQ(second->error->code(), ErrorCode::run_conflict);
}

}  // namespace
}  // namespace vigie::backup
