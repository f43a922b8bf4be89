#include "backup/catalogue.h"

#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

ArtefactView artefact(std::string_view time, std::string_view database = "app") {
  ArtefactView view;
  view.id = *BackupId::parse("nightly." + std::string(database) + "-" + std::string(time));
  view.store = "local";
  view.raw = 10_MiB;
  view.manifest_sha256 = std::string(64, 'a');
  return view;
}

class CatalogueTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    catalogue_.reset();
    catalogue_ = *Catalogue::open(folder_ / "state.db");
  }
  testing::TempFolder folder_;
  std::unique_ptr<Catalogue> catalogue_;
};

TEST_F(CatalogueTest, RemembersArtefactsInOrder) {
  ASSERT_TRUE(catalogue_->add(artefact("20261121T000000Z")));
  ASSERT_TRUE(catalogue_->add(artefact("20261120T000000Z")));
  ASSERT_TRUE(catalogue_->add(artefact("20261119T000000Z", "crm")));
  reopen();
  ASSERT_EQ(catalogue_->of("nightly", "app").size(), 2U);
  EXPECT_EQ(catalogue_->of("nightly", "app")[0].id.str(), "nightly.app-20261120T000000Z");
  EXPECT_EQ(catalogue_->all().size(), 3U);
  EXPECT_EQ(catalogue_->all()[0].raw, 10_MiB);
}

TEST_F(CatalogueTest, AFailedVerificationMakesAnArtefactBadUntilOnePasses) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::could_not_verify);
  ASSERT_TRUE(catalogue_->record(
      one.id, {Verdict::failed, VerifyMode::full, SystemTime(1s), "artefact_hash"}));
  reopen();
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::failed);
  EXPECT_FALSE(catalogue_->find(one.id)->fully_verified_at);
  ASSERT_TRUE(catalogue_->record(one.id, {Verdict::passed, VerifyMode::full, SystemTime(2s), ""}));
  reopen();
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::passed);
  EXPECT_EQ(catalogue_->find(one.id)->fully_verified_at, SystemTime(2s));
}

TEST_F(CatalogueTest, AQuickLookDoesNotOutweighAFullOneThatFailed) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->record(
      one.id, {Verdict::failed, VerifyMode::full, SystemTime(1s), "artefact_hash"}));
  ASSERT_TRUE(catalogue_->record(one.id, {Verdict::passed, VerifyMode::quick, SystemTime(2s), ""}));
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::failed);
}

// A stray file in its folder, say, that goes again.
TEST_F(CatalogueTest, AQuickLookThatFailsTooTakesNothingFromAFullOneThatFailed) {
  for (const auto& first : {Verification{Verdict::failed, VerifyMode::full, {}, "artefact_hash"},
                            {Verdict::could_not_verify, VerifyMode::full, {}, "file_io"}}) {
    const ArtefactView one = artefact("20261120T000000Z");
    ASSERT_TRUE(catalogue_->add(one));
    ASSERT_TRUE(catalogue_->record(one.id, first));
    ASSERT_TRUE(catalogue_->record(
        one.id, {Verdict::failed, VerifyMode::quick, SystemTime(2s), "artefact_extra_file"}));
    EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::failed);
    const bool was_damaged = first.result == Verdict::failed;
    EXPECT_EQ(catalogue_->find(one.id)->last_verification->error_code,
              was_damaged ? "artefact_hash" : "artefact_extra_file");
    ASSERT_TRUE(
        catalogue_->record(one.id, {Verdict::passed, VerifyMode::quick, SystemTime(3s), ""}));
    EXPECT_NE(catalogue_->find(one.id)->verdict(), Verdict::passed);
    ASSERT_TRUE(
        catalogue_->record(one.id, {Verdict::passed, VerifyMode::full, SystemTime(4s), ""}));
    EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::passed);
  }
}

TEST_F(CatalogueTest, WhatCouldNotBeVerifiedLaterStaysAsGoodAsItWas) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->record(one.id, {Verdict::passed, VerifyMode::full, SystemTime(1s), ""}));
  ASSERT_TRUE(catalogue_->record(
      one.id, {Verdict::could_not_verify, VerifyMode::full, SystemTime(2s), "store_unreachable"}));
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::passed);
}

TEST_F(CatalogueTest, AQuickPassStaysWhenALaterOneCouldNotBeDone) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->record(one.id, {Verdict::passed, VerifyMode::quick, SystemTime(1s), ""}));
  ASSERT_TRUE(catalogue_->record(
      one.id, {Verdict::could_not_verify, VerifyMode::full, SystemTime(2s), "store_unreachable"}));
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::passed);
  ASSERT_TRUE(catalogue_->record(
      one.id, {Verdict::could_not_verify, VerifyMode::full, SystemTime(3s), "file_io"}));
  EXPECT_EQ(catalogue_->find(one.id)->verdict(), Verdict::could_not_verify);
}

// After the state folder was lost nothing is verified: a server that was just made must not become
// what all others are compared with.
TEST_F(CatalogueTest, WithoutAGoodOneTheNewestThatMayBeIsTheBaseline) {
  const BackupJobOptions job;
  for (const char* const at : {"20261119T000000Z", "20261120T000000Z", "20261121T000000Z"})
    ASSERT_TRUE(catalogue_->add(artefact(at)));
  const auto newest = [&] { return baseline(catalogue_->of("nightly", "app"), job).value().id; };
  EXPECT_EQ(newest(), artefact("20261121T000000Z").id);
  ASSERT_TRUE(
      catalogue_->record(artefact("20261121T000000Z").id,
                         {Verdict::failed, VerifyMode::full, SystemTime(1s), "artefact_hash"}));
  EXPECT_EQ(newest(), artefact("20261120T000000Z").id);
  ASSERT_TRUE(catalogue_->record(artefact("20261119T000000Z").id,
                                 {Verdict::passed, VerifyMode::full, SystemTime(1s), ""}));
  EXPECT_EQ(newest(), artefact("20261119T000000Z").id);
}

// Its manifest may be as it was written, and where it is not, that is an alarm.
TEST_F(CatalogueTest, WhereAllAreDamagedTheNewestIsTheBaseline) {
  for (const char* const at : {"20261119T000000Z", "20261120T000000Z"}) {
    ASSERT_TRUE(catalogue_->add(artefact(at)));
    ASSERT_TRUE(catalogue_->record(
        artefact(at).id, {Verdict::failed, VerifyMode::full, SystemTime(1s), "artefact_hash"}));
  }
  const auto found = baseline(catalogue_->of("nightly", "app"), BackupJobOptions());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, artefact("20261120T000000Z").id);
  EXPECT_FALSE(baseline({}, BackupJobOptions()));
}

TEST_F(CatalogueTest, PinsOutliveTheProcessAndReadersDoNot) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->hold(one.id, {"pin", "before the migration", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->hold(one.id, {"read", "verify", SystemTime(1s)}));
  EXPECT_EQ(catalogue_->find(one.id)->holds.size(), 2U);
  reopen();
  ASSERT_EQ(catalogue_->find(one.id)->holds.size(), 1U);
  EXPECT_EQ(catalogue_->find(one.id)->holds[0].reason, "before the migration");
}

TEST_F(CatalogueTest, AddingAgainKeepsTheHolds) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->hold(one.id, {"pin", "why", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->add(one));
  EXPECT_EQ(catalogue_->find(one.id)->holds.size(), 1U);
}

TEST_F(CatalogueTest, AForgottenArtefactThatComesBackIsStillPinned) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->hold(one.id, {"pin", "why", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->forget(one.id, SystemTime(9s)));
  EXPECT_FALSE(catalogue_->find(one.id));
  ASSERT_TRUE(catalogue_->add(one));
  EXPECT_EQ(catalogue_->find(one.id)->holds.size(), 1U);
}

TEST_F(CatalogueTest, AnAlarmStaysUntilItsOwnArtefactIsAcknowledged) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(
      one, PlausibilityAlarm{one.id, {"table public.orders is gone"}, SystemTime(1s)}));
  EXPECT_FALSE(catalogue_->acknowledge(artefact("20261121T000000Z").id));
  reopen();
  ASSERT_TRUE(catalogue_->alarm("nightly", "app"));
  EXPECT_EQ(catalogue_->alarm("nightly", "app")->reasons[0], "table public.orders is gone");
  ASSERT_TRUE(catalogue_->acknowledge(one.id));
  reopen();
  EXPECT_FALSE(catalogue_->alarm("nightly", "app"));
}

// What nobody has acknowledged of an older one does not go with the newer one that took it over.
TEST_F(CatalogueTest, AnAlarmThatSpeaksOfAnOlderOneOutlivesItsArtefact) {
  const ArtefactView older = artefact("20261120T000000Z");
  const ArtefactView newer = artefact("20261121T000000Z");
  ASSERT_TRUE(catalogue_->add(
      older, PlausibilityAlarm{older.id, {"table public.orders is gone"}, SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->add(
      newer, PlausibilityAlarm{newer.id, {"taken from another server"}, SystemTime(2s)}));
  EXPECT_FALSE(catalogue_->alarm_goes_with(newer.id));
  ASSERT_TRUE(catalogue_->forget(newer.id, SystemTime(9s)));
  reopen();
  ASSERT_TRUE(catalogue_->alarm("nightly", "app"));
  EXPECT_EQ(catalogue_->alarm("nightly", "app")->reasons.size(), 2U);
}

TEST_F(CatalogueTest, RemembersWhatIsExpiringUntilItIsRemoved) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->begin_expiry({one.id}));
  reopen();
  EXPECT_EQ(catalogue_->expiring(), std::vector{one.id});
  EXPECT_FALSE(catalogue_->hold(one.id, {"pin", "too late", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->remove(one.id));
  reopen();
  EXPECT_TRUE(catalogue_->expiring().empty());
}

TEST_F(CatalogueTest, WhatIsKeptAfterAllIsAsAnyOther) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->begin_expiry({one.id}));
  EXPECT_TRUE(catalogue_->is_expiring(one.id));
  ASSERT_TRUE(catalogue_->keep(one.id));
  reopen();
  EXPECT_FALSE(catalogue_->is_expiring(one.id));
  EXPECT_TRUE(catalogue_->hold(one.id, {"pin", "in time", SystemTime(1s)}));
}

TEST_F(CatalogueTest, WhatIsHeldDoesNotBeginToExpire) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->hold(one.id, {"read", "verify", SystemTime(1s)}));
  EXPECT_TRUE(catalogue_->begin_expiry({one.id})->empty());
  EXPECT_TRUE(catalogue_->expiring().empty());
}

TEST_F(CatalogueTest, WhatIsFreeExpiresBesideWhatIsHeld) {
  const ArtefactView held = artefact("20261119T000000Z");
  const ArtefactView free = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(held));
  ASSERT_TRUE(catalogue_->add(free));
  ASSERT_TRUE(catalogue_->hold(held.id, {"pin", "why", SystemTime(1s)}));
  EXPECT_EQ(*catalogue_->begin_expiry({held.id, free.id}), std::vector{free.id});
  EXPECT_EQ(catalogue_->expiring(), std::vector{free.id});
}

TEST_F(CatalogueTest, NothingBeginsToExpireUnderAnAlarmNorTwice) {
  const ArtefactView one = artefact("20261119T000000Z");
  const ArtefactView two = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->add(two, PlausibilityAlarm{two.id, {"shrank"}, SystemTime(1s)}));
  EXPECT_TRUE(catalogue_->begin_expiry({one.id})->empty());
  ASSERT_TRUE(catalogue_->acknowledge(two.id));
  EXPECT_EQ(catalogue_->begin_expiry({one.id})->size(), 1U);
  EXPECT_TRUE(catalogue_->begin_expiry({one.id})->empty()) << "somebody removes it already";
}

TEST_F(CatalogueTest, TheLastReaderFreesAndNoOther) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->hold(one.id, {"read", "verify", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->hold(one.id, {"read", "scrub", SystemTime(2s)}));
  ASSERT_TRUE(catalogue_->release(one.id, "read"));
  EXPECT_TRUE(catalogue_->begin_expiry({one.id})->empty());
  ASSERT_TRUE(catalogue_->release(one.id, "read"));
  EXPECT_TRUE(catalogue_->find(one.id)->holds.empty());
}

TEST_F(CatalogueTest, AReaderOfAForgottenArtefactLeavesNoHoldBehind) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->hold(one.id, {"read", "verify", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->forget(one.id, SystemTime(9s)));
  ASSERT_TRUE(catalogue_->release(one.id, "read"));
  ASSERT_TRUE(catalogue_->add(one));
  EXPECT_TRUE(catalogue_->find(one.id)->holds.empty());
}

TEST_F(CatalogueTest, ALossStandsAcrossLivesUntilItIsAcknowledgedOrOver) {
  const ArtefactView one = artefact("20261120T000000Z");
  const ArtefactView other = artefact("20261121T000000Z");
  ASSERT_TRUE(catalogue_->add(one));
  ASSERT_TRUE(catalogue_->add(other));
  ASSERT_TRUE(catalogue_->forget(one.id, SystemTime(9s)));
  ASSERT_TRUE(catalogue_->forget(other.id, SystemTime(10s)));
  reopen();
  ASSERT_EQ(catalogue_->losses().size(), 2U);
  EXPECT_EQ(catalogue_->losses()[0].id, one.id);
  EXPECT_EQ(catalogue_->losses()[0].store, one.store);
  EXPECT_EQ(catalogue_->losses()[0].since, SystemTime(9s));
  ASSERT_TRUE(catalogue_->acknowledge_loss(one.id));
  ASSERT_TRUE(catalogue_->add(other));  // it is back
  EXPECT_TRUE(catalogue_->losses().empty());
  reopen();
  EXPECT_TRUE(catalogue_->losses().empty());
}

TEST_F(CatalogueTest, AnArtefactComesWithItsAlarmOrNotAtAll) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one, PlausibilityAlarm{one.id, {"why"}, SystemTime(1s)}));
  reopen();
  EXPECT_TRUE(catalogue_->alarm("nightly", "app"));
  ASSERT_TRUE(catalogue_->forget(one.id, SystemTime(9s)));
  reopen();
  EXPECT_FALSE(catalogue_->alarm("nightly", "app"));
}

TEST_F(CatalogueTest, TheAlarmOfALostArtefactStaysWhereANewerOneMayLackTheSame) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one, PlausibilityAlarm{one.id, {"why"}, SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->add(artefact("20261121T000000Z")));
  ASSERT_TRUE(catalogue_->forget(one.id, SystemTime(9s)));
  EXPECT_TRUE(catalogue_->alarm("nightly", "app"));
  reopen();
  ASSERT_TRUE(catalogue_->alarm("nightly", "app"));
  EXPECT_TRUE(catalogue_->acknowledge(one.id)) << "which needs no artefact";
}

TEST_F(CatalogueTest, ANewerAlarmTakesOverWhatNobodyHasAcknowledged) {
  const ArtefactView one = artefact("20261120T000000Z");
  const ArtefactView two = artefact("20261121T000000Z");
  ASSERT_TRUE(catalogue_->add(one, PlausibilityAlarm{one.id, {"orders is gone"}, SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->add(
      two, PlausibilityAlarm{two.id, {"not compared"}, SystemTime(2s), "plausibility_unknown"}));
  reopen();
  const auto alarm = catalogue_->alarm("nightly", "app");
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->backup, two.id);
  EXPECT_EQ(alarm->reasons,
            (std::vector{one.id.str() + ": orders is gone", two.id.str() + ": not compared"}));
  EXPECT_EQ(alarm->since, SystemTime(1s));
  EXPECT_EQ(alarm->error_code, "plausibility");
}

TEST_F(CatalogueTest, RemovingAnArtefactRemovesWhatHangsOnIt) {
  const ArtefactView one = artefact("20261120T000000Z");
  ASSERT_TRUE(catalogue_->add(one, PlausibilityAlarm{one.id, {"why"}, SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->hold(one.id, {"pin", "why", SystemTime(1s)}));
  ASSERT_TRUE(catalogue_->remove(one.id));
  reopen();
  EXPECT_TRUE(catalogue_->all().empty());
  EXPECT_FALSE(catalogue_->alarm("nightly", "app"));
}

}  // namespace
}  // namespace vigie::backup
