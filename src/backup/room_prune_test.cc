// Expiry: what was decided is carried out once and told, and never what was decided long ago.
#include <utility>

#include "backup/room.h"
#include "tests/support/backup_room.h"

namespace vigie::backup {
namespace {

const Error kWriteError(ErrorCode::file_io, {{"path", "ledger.jsonl"}, {"reason", "EIO"}});

Outcome prune(RoomForTest& test) {
  return test.room().prune(std::nullopt, RoomForTest::work());
}

int64_t number(const json::object& object, std::string_view key) {
  return object.at(key).to_number<int64_t>();
}

// The names that the entries of expiry have, in their order.
std::vector<std::string> told(const RoomForTest& test) {
  std::vector<std::string> names;
  for (const json::object& entry : test.entries("retention")) {
    for (const json::value& one : entry.at("artefacts").as_array())
      names.emplace_back(one.as_object().at("name").as_string());
  }
  return names;
}

bool says_lost(const RoomForTest& test) {
  return std::ranges::any_of(test.entries("recovered"), [](const json::object& entry) {
    return entry.at("error_code").is_string();
  });
}

TEST(Expiry, ThatDidNotBeginIsDecidedAnew) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  test.leave_expiring({night(18), night(19)});
  test.job().retention.keep_last = 2;
  test.configure();
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_TRUE(*test.store().exists(night(18)));
  EXPECT_TRUE(*test.store().exists(night(19)));
  EXPECT_TRUE(told(test).empty());
  EXPECT_TRUE(test.room().pin(night(18), RoomForTest::work())) << "it is as any other";
  EXPECT_EQ(prune(test).verdict, Verdict::passed);
  EXPECT_TRUE(told(test).empty()) << "the one is pinned, the other is one of the last two";
}

TEST(Expiry, ThatBeganIsFinishedAndTold) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.leave_expiring({night(19)});
  std::filesystem::remove(test.store().artefact_path(night(19)) / artefact::kManifestName);
  test.reconcile();
  EXPECT_FALSE(says_lost(test)) << "we are removing it ourselves";
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_FALSE(test.find(night(19)));
  EXPECT_FALSE(std::filesystem::exists(test.store().artefact_path(night(19))));
  EXPECT_EQ(told(test), std::vector{night(19).str()});
}

TEST(Expiry, OfAStoreThatIsNotConfiguredWaitsUntilItIs) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.leave_expiring({night(19)});
  test.name_store("other");
  test.job().store = "other";
  test.configure();
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  test.name_store("local");
  test.job().store = "local";
  test.configure();
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_TRUE(test.room().pin(night(19), RoomForTest::work()));
}

TEST(Expiry, OneThatCannotBeRemovedStaysAndTheOthersGo) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  test.files.kept = night(19).str();
  const Outcome outcome = prune(test);
  EXPECT_EQ(outcome.error->code(), ErrorCode::file_io);
  EXPECT_EQ(number(outcome.result, "expired"), 1);
  EXPECT_EQ(told(test), std::vector{night(18).str()});
  const json::object entry = test.entries("retention").back();
  EXPECT_EQ(number(entry.at("measures").as_object(), "kept"), 2);
  EXPECT_TRUE(test.room().pin(night(19), RoomForTest::work())) << "its removal did not begin";
}

TEST(Expiry, ThatFailsInTheMiddleIsFinishedByThisProcess) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  test.files.kept = night(19).str() + "/dump";
  EXPECT_TRUE(prune(test).error);
  test.reconcile();
  EXPECT_FALSE(says_lost(test));
  EXPECT_FALSE(test.room().clean_stores(RoomForTest::work()));
  test.files.kept.clear();
  test.clock.advance(std::chrono::minutes(1));
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_FALSE(test.find(night(19)));
  EXPECT_EQ(told(test), std::vector{night(19).str()});
}

TEST(Expiry, ThatTheLedgerDidNotTakeIsToldLaterAndNeverCalledALoss) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  test.ledger_writes = kWriteError;
  EXPECT_TRUE(prune(test).error);
  EXPECT_FALSE(*test.store().exists(night(19)));
  test.ledger_writes.reset();
  test.reconcile();
  EXPECT_FALSE(says_lost(test));
  EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
  EXPECT_EQ(told(test), std::vector{night(19).str()});
  EXPECT_FALSE(test.find(night(19)));
}

TEST(Expiry, OfVeryManyIsToldInEntriesThatALineCanHold) {
  RoomForTest test;
  test.good(night(20));
  test.close();
  {
    const auto catalogue = *Catalogue::open(test.state() / "state.db");
    ArtefactView one = catalogue->all().front();
    const SystemTime newest = one.id.started_at;
    for (int hour = 1; hour <= 450; ++hour) {
      one.id.started_at = newest - std::chrono::hours(hour);
      ASSERT_TRUE(catalogue->add(one));
    }
  }
  test.open();
  EXPECT_EQ(number(prune(test).result, "expired"), 450);
  EXPECT_EQ(told(test).size(), 450U);
  EXPECT_EQ(test.entries("retention").size(), 9U);
  EXPECT_EQ(number(test.entries("retention").back().at("measures").as_object(), "kept"), 1);
}

// Since the last comparison somebody has removed it, or put an older copy in the store's place.
TEST(Expiry, CountsNothingThatIsNotInItsStoreAnyMore) {
  RoomForTest test;
  for (unsigned day = 17; day <= 20; ++day) test.good(night(day));
  test.job().retention.min_good = 2;
  test.configure();
  for (const unsigned day : {19U, 20U})
    std::filesystem::remove_all(test.store().artefact_path(night(day)));
  EXPECT_EQ(prune(test).verdict, Verdict::passed);
  EXPECT_TRUE(*test.store().exists(night(17)));
  EXPECT_TRUE(*test.store().exists(night(18)));
  EXPECT_TRUE(told(test).empty());
  EXPECT_TRUE(says_lost(test));
  EXPECT_FALSE(test.find(night(20)));
}

TEST(Expiry, BeginsNotWhenTheStoreDoesNotSayWhatIsThere) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  test.files.hidden = night(20).str();
  EXPECT_EQ(prune(test).error->code(), ErrorCode::file_io);
  EXPECT_TRUE(*test.store().exists(night(18)));
  EXPECT_TRUE(*test.store().exists(night(19)));
}

// Its manifest is gone and the rest cannot be removed: there is no backup of that name any more.
TEST(Expiry, CountsNothingWhoseRemovalHasBegun) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  test.leave_expiring({night(19)});
  std::filesystem::remove(test.store().artefact_path(night(19)) / artefact::kManifestName);
  test.files.kept = night(19).str();
  EXPECT_FALSE(test.room().clean_stores(RoomForTest::work()));
  test.job().retention.keep_last = 2;
  test.configure();
  EXPECT_EQ(prune(test).verdict, Verdict::passed);
  EXPECT_TRUE(*test.store().exists(night(18)));
}

TEST(Expiry, CountsNothingInAStoreThatIsNotConfigured) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  const platform::Path lost = test.root().string() + "-lost";
  std::filesystem::rename(test.root(), lost);
  test.name_store("other");
  test.job().store = "other";
  test.job().retention.min_good = 2;
  test.configure();
  test.good(night(16));
  test.good(night(17));
  test.good(night(18));
  EXPECT_EQ(prune(test).verdict, Verdict::passed);
  EXPECT_EQ(told(test), std::vector{night(16).str()}) << "two stay that can be reached";
}

TEST(Expiry, EndsWhereItIsStopped) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  std::stop_source stop;
  stop.request_stop();
  Work work = RoomForTest::work();
  work.stop = stop.get_token();
  EXPECT_EQ(test.room().prune(std::nullopt, work).error->code(), ErrorCode::cancelled);
  EXPECT_TRUE(test.find(night(18)));
  EXPECT_TRUE(test.room().pin(night(18), RoomForTest::work()));
}

// A crash came before it began, and then its store got another name.
TEST(Expiry, FollowsItsStoreToItsNewName) {
  RoomForTest test;
  for (const unsigned day : {18U, 19U, 20U}) test.good(night(day));
  test.leave_expiring({night(18)});
  std::filesystem::remove(test.store().artefact_path(night(18)) / artefact::kManifestName);
  test.leave_expiring({night(19)});
  test.name_store("disk1");
  test.job().store = "disk1";
  test.configure();
  for (int look = 0; look < 3; ++look) {
    test.reconcile();
    test.clock.advance(std::chrono::hours(1));
    (void)test.room().clean_stores(RoomForTest::work());
  }
  EXPECT_FALSE(test.find(night(18)));
  EXPECT_EQ(test.entries("retention").size(), 1U) << "of the one whose removal had begun";
  ASSERT_TRUE(test.find(night(19)));
  EXPECT_EQ(test.find(night(19))->store, "disk1");
  EXPECT_TRUE(test.room().pin(night(19), RoomForTest::work()));
}

// Two who remove one folder would each find files gone, and a run would end with an error.
TEST(Expiry, WhatARunIsRemovingIsNoDebris) {
  RoomForTest test;
  for (const unsigned day : {18U, 19U, 20U}) test.good(night(day));
  bool met = false;
  test.files.before_remove = [&](const platform::Path& path) {
    if (path.filename() != "1.dat.zst" || std::exchange(met, true)) return;
    (void)test.room().clean_stores(RoomForTest::work());
    EXPECT_TRUE(std::filesystem::exists(path));
  };
  EXPECT_FALSE(prune(test).error);
  EXPECT_TRUE(met);
}

// More than one batch of them; and in the midst of the first somebody wants to keep more.
TEST(Expiry, IsDecidedAnewForEachBatch) {
  RoomForTest test;
  for (int hour = 0; hour < 60; ++hour) {
    BackupId id = night(1);
    id.started_at += std::chrono::hours(hour);
    test.good(id, 3);
  }
  bool begun = false;
  test.files.before_remove = [&](const platform::Path& path) {
    if (path.filename() != artefact::kManifestName || std::exchange(begun, true)) return;
    test.job().retention.keep_last = 60;
    test.configure();
  };
  EXPECT_EQ(prune(test).verdict, Verdict::passed);
  EXPECT_EQ(told(test).size(), 50U) << "those of the first batch";
  EXPECT_EQ(test.room().view()->artefacts.size(), 10U);
}

}  // namespace
}  // namespace vigie::backup
