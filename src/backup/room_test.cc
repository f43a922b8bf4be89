// What the room makes of artefacts once they are there: whom it believes, and what it does not.
#include "backup/room.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/support/backup_room.h"
#include "tests/support/faulty_sqlite.h"

namespace vigie::backup {
namespace {

const Error kReadError(ErrorCode::file_io, {{"path", "ledger.jsonl"}, {"reason", "EIO"}});

std::string error_code_of(const json::object& entry) {
  const auto& code = entry.at("error_code");
  return code.is_string() ? std::string(code.get_string()) : "";
}

TEST(Room, WhatTheLedgerRecordedAndTheFilesHoldIsGood) {
  RoomForTest test;
  test.good(night(20));
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::passed);
}

TEST(Room, ALedgerThatCannotBeReadLetsNothingPass) {
  RoomForTest test;
  test.publish(night(20));
  test.reconcile();
  test.ledger_reads = kReadError;
  const Outcome outcome = test.verify(night(20));
  EXPECT_EQ(outcome.verdict, Verdict::could_not_verify);
  EXPECT_EQ(outcome.error->code(), ErrorCode::ledger_unreadable);
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::could_not_verify);
  EXPECT_EQ(test.entries("backup_verify").back().at("result").as_string(), "could_not_verify");
}

TEST(Room, ALedgerThatCannotBeReadTakesNothingIn) {
  RoomForTest test;
  test.publish(night(20));
  test.ledger_reads = kReadError;
  test.reconcile();
  EXPECT_FALSE(test.room().view()->reconciled);
  test.ledger_reads.reset();
  test.clock.advance(std::chrono::seconds(15));
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  EXPECT_TRUE(test.find(night(20)));
}

TEST(Room, AComparisonThatFailsIsTriedAgainAfterAWhileThatGrows) {
  RoomForTest test;
  test.publish(night(20));
  test.ledger_reads = kReadError;
  int tries = 0;
  for (int second = 0; second < 3600; second += 15) {
    const int before = test.warnings;
    EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
    tries += test.warnings > before ? 1 : 0;
    test.clock.advance(std::chrono::seconds(15));
  }
  EXPECT_GT(tries, 5);
  EXPECT_LT(tries, 15);
}

TEST(Room, AnArtefactThatIsNotTheOneRecordedIsListedAndBad) {
  RoomForTest test;
  ledger::Entry entry;
  entry.kind = ledger::kind::kBackup;
  entry.started_at = entry.ended_at = test.clock.now();
  entry.result = ledger::Outcome::passed;
  entry.trigger = {"schedule", "", new_correlation_id(), {}};
  entry.artefacts.push_back({night(20).str(), std::string(64, 'a'), Bytes{1}});
  test.record(entry);
  test.publish(night(20));
  test.reconcile();
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::failed);
  EXPECT_EQ(error_code_of(test.entries("recovered").at(0)), "manifest_changed");
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::failed) << "the entry of the finding blesses";
}

// Somebody, or a repair of the file system, took the manifest; all of the data may be there still.
TEST(Room, WhatIsLeftOfAPublishedArtefactIsNotCleanedAway) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  ASSERT_TRUE(test.store().begin(night(21))) << "what a run left that never published";
  const platform::Path folder = test.store().artefact_path(night(20));
  std::filesystem::remove(folder / artefact::kManifestName);
  for (int life = 0; life < 2; ++life) {
    EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
    test.reconcile();
    EXPECT_FALSE(test.find(night(20)));
    EXPECT_TRUE(std::filesystem::exists(folder / "dump" / "1.dat.zst"));
    EXPECT_FALSE(std::filesystem::exists(test.store().artefact_path(night(21))));
    test.open();
  }
}

TEST(Room, AManifestOfANewerReleaseIsNotCalledDamaged) {
  RoomForTest test;
  test.put(night(20), {}, "{\"schema\":\"vigie.artefact/2\"}\n");
  test.reconcile();
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::could_not_verify);
  EXPECT_EQ(test.find(night(20))->last_verification->error_code, "manifest_newer");
}

TEST(Room, AManifestThatCannotBeParsedIsDamagedAndSaidOnce) {
  RoomForTest test;
  test.put(night(20), {}, "not a manifest");
  test.reconcile();
  test.reconcile();
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::failed);
  EXPECT_EQ(test.entries("recovered").size(), 1U);
}

TEST(Room, WhatACrashLeftPublishedIsJudgedWhenItIsFound) {
  RoomForTest test;
  test.good(night(20));
  test.publish(night(21), 10);
  test.reconcile();
  ASSERT_TRUE(test.alarm());
  EXPECT_EQ(test.alarm()->backup, night(21));
  EXPECT_EQ(test.verify(night(21)).verdict, Verdict::passed);
  EXPECT_TRUE(test.expired().empty());
  EXPECT_EQ(test.entries("plausibility").size(), 1U);
}

// Somebody carried it here, or the connection string leads to another server now.
TEST(Room, WhatComesFromAnotherServerExpiresNothingUntilSomebodyHasLooked) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(21));
  test.system_identifier = "7300000000000000002";
  test.good(night(20));
  ASSERT_TRUE(test.alarm());
  EXPECT_EQ(test.alarm()->backup, night(20));
  EXPECT_THAT(test.alarm()->reasons.at(0), ::testing::HasSubstr("another server"));
  EXPECT_TRUE(test.expired().empty());
}

TEST(Room, WhatCannotBeJudgedFreezesRetentionAndSaysSo) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.spoil_manifest(night(20));
  test.good(night(21));
  ASSERT_TRUE(test.alarm());
  EXPECT_EQ(test.alarm()->error_code, "plausibility_unknown");
  EXPECT_TRUE(test.expired().empty());
  EXPECT_EQ(test.entries("plausibility").at(0).at("result").as_string(), "could_not_verify");
  EXPECT_TRUE(test.room().acknowledge(night(21), RoomForTest::work()));
  EXPECT_FALSE(test.expired().empty());
}

TEST(Room, TheAlarmOfAnArtefactThatIsGoneDoesNotFreeze) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.publish(night(21), 10);
  test.reconcile();
  ASSERT_TRUE(test.alarm());
  ASSERT_TRUE(test.store().remove(night(21)));
  test.reconcile();
  EXPECT_FALSE(test.alarm());
  EXPECT_EQ(test.expired(), std::vector{night(19)});
  EXPECT_EQ(error_code_of(test.entries("recovered").back()), "backup_lost");
}

TEST(Room, ALossStandsUntilItIsAcknowledged) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  ASSERT_TRUE(test.store().remove(night(19)));
  test.reconcile();
  test.open();  // another life
  test.reconcile();
  ASSERT_EQ(test.room().view()->losses.size(), 1U);
  EXPECT_EQ(test.room().view()->losses.at(0).id, night(19));
  EXPECT_EQ(test.room().acknowledge(night(20), RoomForTest::work()).error().code(),
            ErrorCode::nothing_to_acknowledge);
  EXPECT_EQ(test.room().give_up(night(20), RoomForTest::work()).error().code(),
            ErrorCode::nothing_to_acknowledge);
  ASSERT_TRUE(test.room().acknowledge(night(19), RoomForTest::work()));
  EXPECT_TRUE(test.room().view()->losses.empty());
  const auto entry = test.entries("acknowledgement").back();
  EXPECT_EQ(entry.at("subject").at("act").as_string(), "backup_lost");
  EXPECT_EQ(entry.at("subject").at("backup").as_string(), night(19).str());
  EXPECT_FALSE(test.room().acknowledge(night(19), RoomForTest::work())) << "once";
}

TEST(Room, VerifyingAnArtefactThatIsGoneFindsItLost) {
  RoomForTest test;
  test.good(night(20));
  ASSERT_TRUE(test.store().remove(night(20)));
  const Outcome outcome = test.verify(night(20));
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_EQ(outcome.error->code(), ErrorCode::backup_lost);
  EXPECT_FALSE(test.find(night(20)));
  EXPECT_EQ(error_code_of(test.entries("backup_verify").back()), "backup_lost");
  EXPECT_EQ(error_code_of(test.entries("recovered").back()), "backup_lost");
}

TEST(Room, APinThatTheLedgerDidNotTakeIsNone) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.ledger_writes = kReadError;
  EXPECT_FALSE(test.room().pin(night(19), RoomForTest::work()));
  EXPECT_EQ(test.expired(), std::vector{night(19)});
  test.ledger_writes.reset();
  EXPECT_TRUE(test.room().pin(night(19), RoomForTest::work()));
  EXPECT_TRUE(test.expired().empty());
  EXPECT_EQ(test.entries("hold").size(), 1U);
}

TEST(Room, AnExpiryThatLostARaceForOneTakesTheOthers) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  ASSERT_TRUE(test.room().pin(night(19), RoomForTest::work()));
  EXPECT_EQ(test.room().prune(std::nullopt, RoomForTest::work()).verdict, Verdict::passed);
  EXPECT_FALSE(test.find(night(18)));
  EXPECT_TRUE(test.find(night(19)));
}

TEST(Room, NoticesWithinAnHourThatArtefactsAreGone) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  std::filesystem::remove_all(test.store().artefact_path(night(19)));
  test.clock.advance(std::chrono::minutes(59));
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  EXPECT_TRUE(test.find(night(19)));
  test.clock.advance(std::chrono::minutes(2));
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  EXPECT_FALSE(test.find(night(19)));
  EXPECT_EQ(test.room().view()->jobs[0].reconciled_at, test.clock.now());
}

// Two publish at once: the one that was quicker to look and slower to publish changes nothing.
TEST(Room, TheViewNeverGoesBack) {
  RoomForTest test;
  const auto look = [&](const std::stop_token& stop) {
    while (!stop.stop_requested()) test.room().observe_stores();
  };
  const std::jthread one(look);
  const std::jthread two(look);
  SystemTime newest = test.room().view()->observed_at;
  const SystemTime end = newest + std::chrono::seconds(2000);
  while (newest < end) {
    test.clock.advance(std::chrono::milliseconds(100));
    const SystemTime seen = test.room().view()->observed_at;
    ASSERT_GE(seen, newest);
    newest = seen;
  }
}

TEST(Room, LooksAgainAfterAReload) {
  RoomForTest test;
  test.good(night(20));
  ASSERT_TRUE(test.store().remove(night(20)));
  test.configure();
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  EXPECT_FALSE(test.find(night(20)));
}

TEST(Room, AStoreThatIsNotMountedLosesNothingAndIsSaidToBeUnreachable) {
  RoomForTest test;
  test.good(night(20));
  const SystemTime seen = test.clock.now();
  std::filesystem::rename(test.root(), test.root().string() + ".away");
  std::filesystem::create_directory(test.root());
  test.clock.advance(std::chrono::hours(2));
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  test.room().observe_stores();
  EXPECT_TRUE(test.find(night(20)));
  EXPECT_TRUE(test.entries("recovered").size() <= 1) << "nothing is called lost";
  EXPECT_EQ(test.room().view()->stores.at(0).error_code, "store_unreachable");
  EXPECT_FALSE(test.room().view()->reconciled);
  EXPECT_EQ(test.room().view()->jobs[0].reconciled_at, seen);
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::could_not_verify);
  EXPECT_TRUE(std::filesystem::is_empty(test.root()));
}

TEST(Room, SaysOfAStoreThatNobodyHasLookedAtThatItIsConfigured) {
  RoomForTest world;
  EXPECT_EQ(world.room().view()->stores.at(0).name, "local");
  EXPECT_EQ(world.room().view()->stores.at(0).observed_at, std::nullopt);
  world.room().observe_stores();
  EXPECT_EQ(world.room().view()->stores.at(0).observed_at, world.clock.now());
  world.name_store("another");
  world.job().store = "another";
  world.configure();
  EXPECT_EQ(world.room().view()->stores.at(0).name, "another");
  EXPECT_EQ(world.room().view()->stores.at(0).observed_at, std::nullopt);
}

TEST(Room, ASecondStateFolderIsRefusedAndCleansNothing) {
  RoomForTest test;
  test.good(night(19));
  ASSERT_TRUE(test.store().begin(night(20))) << "a backup of the first that is at work";
  test.open("other");
  EXPECT_FALSE(test.room().clean_stores(RoomForTest::work()));
  test.reconcile();
  test.room().observe_stores();
  EXPECT_EQ(test.store().debris()->size(), 1U);
  EXPECT_FALSE(test.find(night(19)));
  EXPECT_EQ(test.room().view()->stores.at(0).error_code, "store_foreign");
}

TEST(Room, ALostStateFolderIsFollowedByOneThatAdoptsItsStore) {
  RoomForTest test;
  test.good(night(19));
  test.open("new");
  ASSERT_TRUE(test.room().adopt_store("local", RoomForTest::work()));
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  EXPECT_EQ(test.find(night(19))->verdict(), Verdict::could_not_verify);
  EXPECT_EQ(test.verify(night(19)).verdict, Verdict::passed);
  EXPECT_EQ(test.entries("acknowledgement").size(), 1U);
  EXPECT_TRUE(test.room().view()->stores.at(0).reachable);
}

TEST(Room, KeepsWhatNoJobTakesAnyMoreAndSaysSo) {
  RoomForTest test;
  test.good(night(19));
  EXPECT_TRUE(test.find(night(19))->configured);
  test.good(night(20));
  test.job().name = "other";
  test.configure();
  EXPECT_FALSE(test.find(night(19))->configured);
  EXPECT_TRUE(test.room().prune(std::nullopt, RoomForTest::work()).verdict == Verdict::passed);
  EXPECT_TRUE(test.find(night(19)));
  const auto plans = test.room().plan(std::nullopt);
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_NE(plans[1].decisions[0].reasons[0].find("it stays"), std::string::npos);
  test.clock.advance(std::chrono::days(9));
  EXPECT_TRUE(test.room().next_scrub()) << "it is read again all the same";
}

TEST(Room, AScrubIsAnEntryOfItsOwn) {
  RoomForTest test;
  test.good(night(20));
  EXPECT_EQ(test.room().scrub(night(20), RoomForTest::work()).verdict, Verdict::passed);
  EXPECT_EQ(test.entries("scrub").size(), 1U);
  EXPECT_TRUE(test.find(night(20))->holds.empty()) << "nobody reads it any more";
}

TEST(Room, DamageThatTheLedgerDidNotTakeIsKnownAllTheSame) {
  RoomForTest test;
  test.good(night(20));
  test.spoil_manifest(night(20));
  test.ledger_writes = kReadError;
  EXPECT_EQ(test.verify(night(20)).error->code(), ErrorCode::file_io);
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::failed);
}

TEST(Room, WhatCannotBeReadAnyMoreCountsForNothing) {
  RoomForTest test;
  for (unsigned day = 18; day <= 20; ++day) test.good(night(day));
  EXPECT_EQ(test.expired().size(), 2U);
  test.files.unread = night(20).str() + "/dump";
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::could_not_verify);
  EXPECT_EQ(test.room().view()->jobs[0].databases[0].last_success, night(19).started_at);
  EXPECT_EQ(test.expired(), std::vector{night(18)}) << "the newest that can be read stays";
  test.files.unread.clear();
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::passed);
  EXPECT_EQ(test.room().view()->jobs[0].databases[0].last_success, night(20).started_at);
}

TEST(Room, AStoreThatDoesNotAnswerTakesNothingFromItsArtefacts) {
  RoomForTest test;
  test.good(night(20));
  test.files.unread = ".vigie-store";
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::could_not_verify);
  EXPECT_EQ(test.find(night(20))->last_verification->error_code, "store_unreachable");
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::passed);
}

// A clock that was wrong when it was taken.
TEST(Room, WhatIsDatedInTheFutureIsNoNewSuccessAndIsReadAllTheSame) {
  RoomForTest test;
  test.good(night(20));
  test.clock.jump_to(night(29).started_at);
  test.good(night(29));
  test.clock.jump_to(night(21).started_at + std::chrono::hours(21));
  test.room().observe_stores();
  EXPECT_EQ(test.room().view()->jobs[0].databases[0].last_success, night(20).started_at);
  EXPECT_TRUE(test.room().view()->jobs[0].databases[0].dated_ahead);
  EXPECT_EQ(test.room().next_scrub(), night(29)) << "nobody knows when it was read";
  EXPECT_EQ(test.room().scrub(night(29), RoomForTest::work()).verdict, Verdict::passed);
  test.clock.advance(std::chrono::hours(9));
  EXPECT_NE(test.room().next_scrub(), night(29));
}

TEST(Room, OneThatCannotBeReadDoesNotKeepTheOthersFromBeingRead) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.clock.advance(std::chrono::days(9));
  const auto first = test.room().next_scrub();
  ASSERT_TRUE(first);
  test.clock.advance(std::chrono::hours(9));
  const auto second = test.room().next_scrub();
  ASSERT_TRUE(second);
  EXPECT_NE(first, second) << "whose run came to nothing";
}

TEST(Room, ARenamedStoreKeepsWhatIsKnownOfItsArtefacts) {
  RoomForTest test;
  test.good(night(19));
  test.good(night(20));
  test.name_store("bigger");
  test.job().store = "bigger";
  test.configure();
  EXPECT_TRUE(test.room().keep_reconciled(RoomForTest::work()));
  EXPECT_EQ(test.find(night(20))->store, "bigger");
  EXPECT_EQ(test.find(night(20))->verdict(), Verdict::passed);
  EXPECT_EQ(test.verify(night(20)).verdict, Verdict::passed);
  EXPECT_EQ(test.room().prune(std::nullopt, RoomForTest::work()).verdict, Verdict::passed);
  EXPECT_FALSE(test.find(night(19)));
}

TEST(Room, WhatAStateThatCannotBeWrittenForgetsIsToldOnce) {
  RoomForTest test;
  test.put(night(20), {}, "not a manifest");
  testing::FaultySqlite sqlite(test.state());
  test.open();
  sqlite.fail_from(sqlite.calls(), testing::Fault::io);
  for (int i = 0; i < 3; ++i) test.reconcile();
  EXPECT_EQ(test.entries("recovered").size(), 1U);
  EXPECT_FALSE(test.room().view()->reconciled);
  sqlite.no_faults();
  test.reconcile();
  EXPECT_TRUE(test.find(night(20)));
  EXPECT_EQ(test.entries("recovered").size(), 1U);
  test.close();
}

TEST(Room, ARunThatDiedIsLookedForOnItsOwnDatabases) {
  RoomForTest test;
  const RunId run(std::string(32, 'a'));
  ASSERT_TRUE(test.room().note_dead(run, "nightly"));
  ASSERT_TRUE(test.room().note_dead(run, "a job of yesterday"));
  auto dead = *DeadRuns::open(test.state() / "state.db");
  EXPECT_EQ(*dead.databases(), std::vector<std::string>{"app"});
  EXPECT_TRUE(test.room().end_dead_sessions(RoomForTest::work())) << "no such server any more";
  EXPECT_TRUE(dead.databases()->empty());
}

TEST(Outcome, IsAsItsWorstPart) {
  Outcome outcome;
  outcome.note(Verdict::could_not_verify, Error(ErrorCode::ledger_unreadable));
  outcome.note(Verdict::failed, Error(ErrorCode::artefact_hash));
  outcome.note(Verdict::could_not_verify, Error(ErrorCode::cancelled));
  outcome.note(Verdict::passed, std::nullopt);
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_EQ(outcome.error->code(), ErrorCode::artefact_hash);
}

}  // namespace
}  // namespace vigie::backup
