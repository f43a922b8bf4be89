// What goes, or is put beside, while the room looks at it.
#include <gtest/gtest.h>

#include <fstream>
#include <utility>

#include "backup/room.h"
#include "tests/support/backup_room.h"

namespace vigie::backup {
namespace {

// Its mount goes while it is read: that is no damage, or the next prune would remove it.
TEST(Room, AStoreThatGoesWhileItIsReadMakesNothingDamaged) {
  RoomForTest test;
  test.good(night(20));
  const platform::Path away = test.root().string() + ".away";
  test.files.before_read = [&](const platform::Path& path) {
    if (path.filename() == "1.dat.zst") std::filesystem::rename(test.root(), away);
  };
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::could_not_verify);
  test.files.before_read = nullptr;
  std::filesystem::rename(away, test.root());
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::passed);
}

// A file more is a reason to look, and none to remove what is whole.
TEST(Room, ABackupWithAFileMoreIsNotRemoved) {
  RoomForTest test;
  test.good(night(18));
  test.good(night(19));
  std::ofstream(test.store().artefact_path(night(18)) / "note.txt") << "see ticket 7";
  EXPECT_EQ(test.verify(night(18)).verdict, Verdict::failed);
  test.good(night(20));
  EXPECT_EQ(test.expired(), std::vector{night(19)});
}

// Retention removes it while the list of the store is gone through.
TEST(Room, WhatExpiresWhileStoresAreComparedIsNotTakenInAgain) {
  RoomForTest test;
  test.good(night(19));
  test.publish(night(20));
  bool gone = false;
  test.files.before_read = [&](const platform::Path& path) {
    if (path.filename() != artefact::kManifestName || std::exchange(gone, true)) return;
    std::filesystem::remove_all(test.store().artefact_path(night(20)));
  };
  test.reconcile();
  EXPECT_FALSE(test.find(night(20)));
  test.reconcile();
  EXPECT_TRUE(test.room().view()->losses.empty());
  EXPECT_TRUE(test.entries("recovered").size() == 1) << "of the first alone";
}

TEST(Room, WhatLiesInAStoreThatIsNotConfiguredIsNoSuccess) {
  RoomForTest test;
  test.good(night(20));
  test.name_store("another");
  test.job().store = "another";
  std::filesystem::rename(test.root(), test.root().string() + ".gone");
  test.configure();
  EXPECT_FALSE(test.find(night(20))->configured);
  EXPECT_FALSE(test.room().view()->jobs.at(0).databases.at(0).last_success);
}

// And when the whole store does not answer any more, nothing of it is called unreadable.
TEST(Room, AStoreThatStopsAnsweringWhileItIsReadTakesNothingFromItsArtefacts) {
  RoomForTest test;
  test.good(night(20));
  test.files.before_read = [&](const platform::Path& path) {
    if (path.filename() == "1.dat.zst") test.files.silent = true;
  };
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::could_not_verify);
  test.files.before_read = nullptr;
  test.files.silent = false;
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::passed);
}

// Its manifest could not be read when it was found, and then somebody took it.
TEST(Room, WhatIsLeftOfABackupThatTheLedgerKnowsAsDamagedIsNotCleanedAway) {
  RoomForTest test;
  test.publish(night(20));
  test.spoil_manifest(night(20));
  test.reconcile();
  std::filesystem::remove(test.store().artefact_path(night(20)) / artefact::kManifestName);
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_TRUE(
      std::filesystem::exists(test.store().artefact_path(night(20)) / "dump" / "1.dat.zst"));
}

TEST(Room, AFileMoreDoesNotHideDamage) {
  RoomForTest test;
  test.good(night(20));
  const platform::Path folder = test.store().artefact_path(night(20));
  std::ofstream(folder / "a.txt") << "see ticket 7";
  std::fstream(folder / "dump" / "1.dat.zst", std::ios::in | std::ios::out).seekp(60).put('#');
  EXPECT_NE(test.verify(night(20)).error->code(), ErrorCode::artefact_extra_file);
}

TEST(Room, AcknowledgingALossLeavesTheAlarmToASecondWord) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20), 10);
  test.good(night(21), 10);
  ASSERT_EQ(test.alarm()->backup, night(20));
  std::filesystem::remove_all(test.store().artefact_path(night(20)));
  test.reconcile();
  ASSERT_EQ(test.room().view()->losses.size(), 1U);
  EXPECT_TRUE(test.room().acknowledge(night(20), RoomForTest::work()));
  EXPECT_TRUE(test.room().view()->losses.empty());
  ASSERT_TRUE(test.alarm());
  EXPECT_TRUE(test.expired().empty());
  EXPECT_TRUE(test.room().acknowledge(night(20), RoomForTest::work()));
  EXPECT_FALSE(test.alarm());
}

TEST(Room, WhatLiesInAStoreThatIsGoneForGoodCanBeGivenUp) {
  RoomForTest test;
  test.good(night(20));
  std::filesystem::rename(test.root(), test.root().string() + ".gone");
  test.name_store("another");
  test.job().store = "another";
  test.configure();
  EXPECT_EQ(test.room().acknowledge(night(20), RoomForTest::work()).error().code(),
            ErrorCode::nothing_to_acknowledge)
      << "not by the word for an alarm, said twice";
  EXPECT_TRUE(test.room().give_up(night(20), RoomForTest::work()));
  EXPECT_FALSE(test.find(night(20)));
  EXPECT_TRUE(test.room().view()->losses.empty());
  EXPECT_EQ(test.entries("acknowledgement").size(), 1U);
}

// The first one after the state folder was lost, found published: none of the others is verified.
TEST(Room, WhatIsFoundIsComparedAlsoWithWhatNobodyHasVerified) {
  RoomForTest test;
  test.publish(night(19));
  test.publish(night(20), 10);
  test.reconcile();
  ASSERT_TRUE(test.alarm());
  EXPECT_EQ(test.alarm()->backup, night(20));
}

// Somebody moved it aside, and put it back as it was: no byte of it was found bad.
TEST(Room, WhatWasAwayIsNotDamagedWhenItComesBack) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  const platform::Path folder = test.store().artefact_path(night(18));
  std::filesystem::rename(folder, test.root().string() + ".aside");
  EXPECT_EQ(test.verify(night(18)).verdict, Verdict::failed) << "it is lost";
  std::filesystem::rename(test.root().string() + ".aside", folder);
  test.reconcile();
  ASSERT_TRUE(test.find(night(18)));
  EXPECT_EQ(test.find(night(18))->verdict(), Verdict::could_not_verify);
  EXPECT_EQ(test.expired(), std::vector{night(19)}) << "and not what nobody has read again";
}

// Into another store that is configured too: it is there, and nobody has read it there yet.
TEST(Room, WhatIsMovedBetweenStoresIsNotLostAndNotKnownToBeGood) {
  RoomForTest test;
  test.good(night(20));
  const platform::Path other = test.root().string() + ".other";
  auto setup =
      setup_of(test.job(), store::make_local_store(test.files, "local", test.root()), "local");
  setup->stores.push_back(setup->stores.front());
  setup->stores.back().options.name = "other";
  setup->stores.back().store = store::make_local_store(test.files, "other", other);
  test.room().configure(setup);
  ASSERT_TRUE(test.room().setup()->store("other")->store->probe("")) << "which marks it";
  std::filesystem::rename(test.root() / "nightly", other / "nightly");
  test.reconcile();
  ASSERT_TRUE(test.find(night(20)));
  EXPECT_EQ(test.find(night(20))->store, "other");
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::could_not_verify);
  EXPECT_TRUE(test.room().view()->losses.empty());
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::passed);
}

// One that cannot be read, moved as well: whatever becomes of it, the room comes to an end.
TEST(Room, WhatCannotBeReadIsFollowedIntoAnotherStore) {
  RoomForTest test;
  test.put(night(19), {}, "not a manifest");
  test.good(night(20));
  test.reconcile();
  const platform::Path other = test.root().string() + ".other";
  auto setup =
      setup_of(test.job(), store::make_local_store(test.files, "local", test.root()), "local");
  setup->stores.push_back(setup->stores.front());
  setup->stores.back().options.name = "other";
  setup->stores.back().store = store::make_local_store(test.files, "other", other);
  test.room().configure(setup);
  ASSERT_TRUE(test.room().setup()->store("other")->store->probe(""));
  std::filesystem::create_directory(other / "nightly");
  std::filesystem::rename(test.store().artefact_path(night(19)),
                          other / "nightly" / night(19).str());
  test.reconcile();
  ASSERT_TRUE(test.find(night(19)));
  EXPECT_EQ(test.find(night(19))->store, "other");
  EXPECT_TRUE(test.room().view()->losses.empty());
  EXPECT_EQ(test.room().prune(std::nullopt, RoomForTest::work()).verdict, Verdict::passed);
}

// Not all stores may have been looked into by then.
TEST(Room, AComparisonThatIsStoppedCallsNothingLost) {
  RoomForTest test;
  test.good(night(20));
  std::filesystem::rename(test.store().artefact_path(night(20)), test.root().string() + ".aside");
  std::stop_source stop;
  stop.request_stop();
  Work work = RoomForTest::work();
  work.stop = stop.get_token();
  EXPECT_TRUE(test.room().reconcile(work));
  EXPECT_TRUE(test.room().view()->losses.empty());
  test.reconcile();
  EXPECT_EQ(test.room().view()->losses.size(), 1U);
}

TEST(Room, DebrisThatCannotBeRemovedDoesNotKeepTheRest) {
  RoomForTest test;
  test.good(night(20));
  for (unsigned day = 17; day <= 18; ++day) {
    const auto folder = test.store().artefact_path(night(day));
    std::filesystem::create_directories(folder / "dump");
    std::ofstream(folder / "dump/1.dat.zst") << "half a dump";
  }
  test.files.kept = night(17).str();
  EXPECT_FALSE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_FALSE(std::filesystem::exists(test.store().artefact_path(night(18))));
}

}  // namespace
}  // namespace vigie::backup
