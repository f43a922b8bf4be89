// Copies in a further store: what is brought there, what is believed of it, what goes again.
#include <gtest/gtest.h>

#include "tests/support/copies.h"

namespace vigie::backup {
namespace {

TEST_F(Copies, WhatIsGoodIsCopiedAndReadBack) {
  test.good(night(20));
  const Outcome outcome = copy();
  EXPECT_EQ(outcome.verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(20)});
  ASSERT_TRUE(find(night(20)));
  EXPECT_EQ(find(night(20))->verdict(), Verdict::passed);
  EXPECT_EQ(test.entries("backup_copy").size(), 1U);
  ASSERT_EQ(test.entries("copy_verify").size(), 1U);
  EXPECT_EQ(test.entries("copy_verify").back().at("requirement_ids").as_array().at(0).as_string(),
            "REQ-BAK-5");
}

TEST_F(Copies, WhatIsThereIsNotCopiedAgain) {
  test.good(night(20));
  copy();
  copy();
  EXPECT_EQ(test.entries("backup_copy").size(), 1U);
}

TEST_F(Copies, WhatNobodyKnowsToBeGoodIsNotCopied) {
  test.publish(night(20));
  test.reconcile();
  copy();
  EXPECT_TRUE(there().empty());
}

// A copy is not a second backup: neither the catalogue nor retention counts it.
TEST_F(Copies, AreNoBackupsOfTheirOwn) {
  test.good(night(20));
  copy();
  test.reconcile();
  EXPECT_EQ(test.room().view()->artefacts.size(), 1U);
  EXPECT_EQ(test.find(night(20))->store, "local");
  EXPECT_TRUE(test.room().view()->losses.empty());
}

// What lies off the host is what is left: nothing takes it for the original.
TEST_F(Copies, OutliveTheirOriginalsThatAreLost) {
  test.good(night(20));
  copy();
  std::filesystem::remove_all(test.store().artefact_path(night(20)));
  test.reconcile();
  EXPECT_EQ(test.room().view()->losses.size(), 1U);
  copy();
  EXPECT_EQ(there(), std::vector{night(20)});
  const auto reading = test.room().copies().read(night(20), "offsite", no_limits());
  ASSERT_TRUE(reading);
  EXPECT_EQ(reading->manifest_sha256, find(night(20))->manifest_sha256);
}

TEST_F(Copies, AreFoundAgainByAStateFolderThatIsNew) {
  test.good(night(20));
  copy();
  test.open("another");
  ASSERT_TRUE(test.room().adopt_store("local", RoomForTest::work()));
  ASSERT_TRUE(test.room().adopt_store("offsite", RoomForTest::work()));
  test.reconcile();
  copy();
  ASSERT_TRUE(find(night(20)));
  EXPECT_EQ(find(night(20))->verdict(), Verdict::passed) << "read again";
  EXPECT_EQ(test.room().view()->artefacts.size(), 1U);
}

TEST_F(Copies, ExpireByRetentionAndNotBeforeTheNewerOneIsThere) {
  test.job().copies.front().retention =
      RetentionOptions{.keep_last = 2, .daily = 0, .weekly = 0, .monthly = 0, .min_good = 1};
  test.configure();
  for (const unsigned day : {18U, 19U, 20U}) {
    test.good(night(day));
    copy();
  }
  EXPECT_EQ(there(), (std::vector{night(19), night(20)}));
  EXPECT_EQ(test.expired(), (std::vector{night(19), night(18)})) << "the first store's own rule";
  EXPECT_EQ(acts(), "copy copy copy expire");
}

TEST_F(Copies, NothingGoesWhereTheNewerOneCannotBeBrought) {
  test.good(night(19));
  copy();
  test.good(night(20));
  test.offsite_files.hidden = night(20).str();
  EXPECT_NE(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(19)});
}

TEST_F(Copies, ADamagedOneIsFoundAndBroughtAgain) {
  test.good(night(20));
  copy();
  flip_a_bit(test.offsite().artefact_path(night(20)));
  test.clock.advance(std::chrono::hours(24 * 36));
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  EXPECT_EQ(find(night(20))->verdict(), Verdict::failed);
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(find(night(20))->verdict(), Verdict::passed);
}

TEST_F(Copies, ADamagedOriginalBecomesNoCopyAndIsTold) {
  test.good(night(20));
  flip_a_bit(test.store().artefact_path(night(20)));
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  EXPECT_TRUE(there().empty());
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::failed);
}

TEST_F(Copies, AStoreThatGoesInTheMidstLeavesTheOriginalAndIsTriedAgain) {
  test.good(night(20));
  test.offsite_files.hidden = "1.dat.zst";
  const platform::Path away = test.offsite_root().string() + ".away";
  test.files.before_read = [&](const platform::Path& path) {
    if (path.filename() == "1.dat.zst" && std::filesystem::exists(test.offsite_root()))
      std::filesystem::rename(test.offsite_root(), away);
  };
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::passed);
  EXPECT_TRUE(due().empty()) << "not at once";
  test.clock.advance(std::chrono::minutes(16));
  EXPECT_EQ(due(), std::vector<std::string>{"nightly"});
  test.files.before_read = nullptr;
  test.offsite_files.hidden.clear();
  std::filesystem::remove_all(test.offsite_root());
  std::filesystem::rename(away, test.offsite_root());
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(20)});
  EXPECT_TRUE(due().empty());
}

// The configuration names the store only now; or the process ended before it came to copying.
TEST_F(Copies, WhatWasNeverTriedIsDueByItself) {
  test.good(night(20));
  EXPECT_EQ(due(), std::vector<std::string>{"nightly"});
  copy();
  EXPECT_TRUE(due().empty());
}

// What a process that died left of a copy is removed, and the copy is made.
TEST_F(Copies, TheDebrisOfAnInterruptedOneIsReplaced) {
  test.good(night(20));
  leave_debris(night(20));
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(20)});
  EXPECT_EQ(find(night(20))->verdict(), Verdict::passed);
}

TEST_F(Copies, OneThatSomebodyRemovedIsToldAndBroughtAgain) {
  test.good(night(20));
  copy();
  std::filesystem::remove_all(test.offsite().artefact_path(night(20)));
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(there(), std::vector{night(20)});
  const auto entries = test.entries("backup_copy");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries.at(1).at("error_code").as_string(), "backup_lost");
}

TEST_F(Copies, APinnedOneStays) {
  test.good(night(18));
  copy();
  ASSERT_TRUE(test.room().pin(night(18), RoomForTest::work()));
  test.good(night(19));
  test.good(night(20));
  copy();
  EXPECT_EQ(there(), (std::vector{night(18), night(20)}));
}

// Somebody takes the store out of the job, to put it back later: nothing becomes a backup of the
// job, whose retention would remove it.
TEST_F(Copies, StayWhatTheyAreWhenTheJobNamesTheirStoreNoMore) {
  test.good(night(20));
  copy();
  lose_original(night(20));
  test.job().copies = {};
  test.keep_offsite = true;
  test.configure();
  test.reconcile();
  EXPECT_FALSE(test.find(night(20)));
  EXPECT_EQ(there(), std::vector{night(20)});
}

TEST_F(Copies, OneWhoseOriginalIsLostStaysUntilSomebodyHasSaidThatThisIsWell) {
  test.good(night(18));
  copy();
  lose_original(night(18));
  test.good(night(19));
  test.good(night(20));
  copy();
  EXPECT_EQ(there(), (std::vector{night(18), night(20)}));
  ASSERT_TRUE(test.room().give_up(night(18), RoomForTest::work()));
  copy();
  EXPECT_EQ(there(), std::vector{night(20)});
}

// It was taken before the job was told to encrypt.
TEST_F(Copies, WhatIsNotEncryptedDoesNotLeaveTheHostOfAJobThatEncrypts) {
  test.good(night(20));
  test.job().encryption.recipients = {"age1abc"};
  test.configure();
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_TRUE(there().empty());
}

TEST_F(Copies, ADamagedOneStaysWhileItsOriginalIsNoBetter) {
  test.good(night(20));
  copy();
  flip_a_bit(test.offsite().artefact_path(night(20)));
  test.clock.advance(std::chrono::hours(24 * 36));
  copy();
  flip_a_bit(test.store().artefact_path(night(20)));
  copy();
  EXPECT_EQ(there(), std::vector{night(20)});
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::failed);
}

// What lies beside it may be all that is left.
TEST_F(Copies, TheDataOfOneThatLostItsManifestIsNotRemoved) {
  test.good(night(20));
  copy();
  lose_original(night(20));
  const auto folder = test.offsite().artefact_path(night(20));
  std::filesystem::remove(folder / artefact::kManifestName);
  copy();
  copy();
  EXPECT_TRUE(std::filesystem::exists(folder / "dump/1.dat.zst"));
}

TEST_F(Copies, AStoreIsNotFilledBeyondItsReserve) {
  test.good(night(20));
  test.offsite_reserve = Bytes{uint64_t{1} << 60};
  test.configure();
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  EXPECT_TRUE(there().empty());
}

// The process ends when the first of its files is gone.
TEST_F(Copies, AnExpiryThatWasInterruptedIsFinishedAndNotMissed) {
  test.good(night(19));
  copy();
  test.good(night(20));
  test.offsite_files.kept = "1.dat.zst";
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  test.offsite_files.kept.clear();
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_FALSE(std::filesystem::exists(test.offsite().artefact_path(night(19))));
  EXPECT_EQ(acts(), "copy copy expire");
}

TEST_F(Copies, OneThatCouldNotBeReadIsReadAgain) {
  test.good(night(20));
  test.offsite_files.unread = "1.dat.zst";
  EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
  test.offsite_files.unread.clear();
  EXPECT_EQ(copy().verdict, Verdict::passed);
  EXPECT_EQ(find(night(20))->verdict(), Verdict::passed);
}

}  // namespace
}  // namespace vigie::backup
