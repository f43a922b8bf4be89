// Which backup a drill takes.
#include "daemon/drills.h"

#include <gtest/gtest.h>

#include <set>

namespace vigie::daemon {
namespace {

backup::ArtefactView artefact(const char* id, Verdict verdict) {
  backup::ArtefactView one;
  one.id = *BackupId::parse(id);
  one.last_verification = {verdict, backup::VerifyMode::full, one.id.started_at, ""};
  return one;
}

class Picked : public ::testing::Test {
 protected:
  Picked() {
    view_.observed_at = *parse_rfc3339("2026-11-20T00:00:00Z");
    view_.artefacts = {artefact("nightly.app-20261110T020000Z", Verdict::passed),
                       artefact("nightly.app-20261111T020000Z", Verdict::passed),
                       artefact("nightly.app-20261112T020000Z", Verdict::passed),
                       artefact("nightly.app-20261113T020000Z", Verdict::failed),
                       artefact("nightly.app-20261114T020000Z", Verdict::could_not_verify),
                       artefact("nightly.crm-20261115T020000Z", Verdict::passed),
                       artefact("weekly.app-20261116T020000Z", Verdict::passed)};
  }
  std::string pick(proof::Pick how, const std::string& database = "app") {
    const auto id = picked(view_, "nightly", database, how);
    return id ? id->str() : "none";
  }
  backup::BackupsView view_;
};

TEST_F(Picked, TheNewestAndTheOldestOfTheGoodOnes) {
  EXPECT_EQ(pick(proof::Pick::newest), "nightly.app-20261112T020000Z");
  EXPECT_EQ(pick(proof::Pick::oldest), "nightly.app-20261110T020000Z");
  EXPECT_EQ(pick(proof::Pick::newest, "crm"), "nightly.crm-20261115T020000Z");
  EXPECT_EQ(pick(proof::Pick::newest, "other"), "none");
}

TEST_F(Picked, AnyOfTheGoodOnesAtRandomAndNoOther) {
  std::set<std::string> seen;
  for (int i = 0; i < 300; ++i) seen.insert(pick(proof::Pick::random));
  EXPECT_EQ(seen,
            (std::set<std::string>{"nightly.app-20261110T020000Z", "nightly.app-20261111T020000Z",
                                   "nightly.app-20261112T020000Z"}));
}

TEST_F(Picked, OfAJobThatVerifiesNoneAlsoOneThatNobodyHasVerified) {
  backup::ArtefactView unverified = artefact("nightly.app-20261117T020000Z", Verdict::passed);
  unverified.last_verification.reset();
  unverified.manifest_sha256 = "0f";
  view_.artefacts.push_back(unverified);
  EXPECT_EQ(pick(proof::Pick::newest), "nightly.app-20261112T020000Z");
  backup::BackupJobView job;
  job.name = "nightly";
  job.verify_after_backup = false;
  view_.jobs = {job};
  EXPECT_EQ(pick(proof::Pick::newest), "nightly.app-20261117T020000Z");
}

TEST_F(Picked, NoneOfTheFuture) {
  view_.observed_at = *parse_rfc3339("2026-11-11T12:00:00Z");
  EXPECT_EQ(pick(proof::Pick::newest), "nightly.app-20261111T020000Z");
}

proof::DrillResultView drilled(const char* backup, Verdict result, const char* ended_at) {
  proof::DrillResultView one;
  one.drill = "weekly";
  one.backup = backup;
  one.result = result;
  one.ended_at = *parse_rfc3339(ended_at);
  one.rto_s = 12.5;
  one.raw_bytes = 1024;
  return one;
}

TEST(LastMeasured, IsTheNewestThatPassedOfThatJobAndDatabase) {
  proof::ProofView view;
  view.results = {drilled("nightly.app-20261114T020000Z", Verdict::failed, "2026-11-15T00:00:00Z"),
                  drilled("nightly.app-20261112T020000Z", Verdict::passed, "2026-11-13T00:00:00Z"),
                  drilled("nightly.app-20261110T020000Z", Verdict::passed, "2026-11-14T00:00:00Z"),
                  drilled("nightly.crm-20261115T020000Z", Verdict::passed, "2026-11-16T00:00:00Z"),
                  drilled("", Verdict::could_not_verify, "2026-11-17T00:00:00Z")};
  const auto last = last_measured(view, "nightly", "app");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->backup.str(), "nightly.app-20261110T020000Z");
  EXPECT_EQ(last->rto, std::chrono::milliseconds(12500));
  EXPECT_EQ(last->raw.count, 1024U);
  EXPECT_FALSE(last_measured(view, "weekly", "app"));
}

}  // namespace
}  // namespace vigie::daemon
