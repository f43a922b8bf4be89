#include "ledger/matrix.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/entry_json.h"
#include "ledger/ledger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::ledger {
namespace {

using namespace std::chrono_literals;

const SystemTime kNow = SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20)) + 12h;

// A ledger of which only the newest evidence is known.
class Told {
 public:
  Told& entry(std::string_view kind, json::object subject, Outcome result, Duration age,
              std::vector<std::string> ids = {}) {
    Entry entry;
    entry.kind = kind;
    entry.requirement_ids = std::move(ids);
    entry.trigger.by = "daemon";
    entry.subject = std::move(subject);
    entry.result = result;
    entry.started_at = entry.ended_at = kNow - age;
    ++seq_;
    const auto line =
        seal_line(*to_json(entry, fmt::format("entry-{}", seq_)), seq_, first_prev_hash());
    const std::string_view text(line.text.data(), line.text.size() - 1);
    newest.note(*read_line(text));
    return *this;
  }
  Told& backup(std::string_view database, Outcome result, Duration age) {
    return entry(kind::kBackup, {{"job", "nightly"}, {"database", database}}, result, age);
  }

  Newest newest;

 private:
  uint64_t seq_ = 0;
};

MatrixPlan plan_of(Requirement requirement, std::vector<AskedSubject> subjects = {}) {
  MatrixPlan plan;
  if (!subjects.empty()) plan.subjects[requirement.validated_by.front()] = std::move(subjects);
  plan.requirements.push_back(std::move(requirement));
  return plan;
}

MatrixPlan backups_of(std::vector<AskedSubject> subjects) {
  return plan_of({.id = "REQ-BAK-1",
                  .text = "t",
                  .validated_by = {"backup"},
                  .contradicted_by = {"missed_run"},
                  .max_age = 26h},
                 std::move(subjects));
}

MatrixPlan of_one_job() {
  return backups_of({{"nightly.app", {}}});
}

MatrixRow row_of(const MatrixPlan& plan, const Told& told, SystemTime now = kNow) {
  return matrix(plan, told.newest, now).front();
}
Standing status(const MatrixPlan& plan, const Told& told, SystemTime now = kNow) {
  return row_of(plan, told, now).status;
}

TEST(Matrix, WithoutEvidenceIsNever) {
  const auto row = row_of(of_one_job(), Told());
  EXPECT_EQ(row.status, Standing::never);
  EXPECT_EQ(row.decides.evidence_id, "");
  EXPECT_FALSE(row.decides.validated_at);
  EXPECT_EQ(row.decides.kind, "backup");
}

TEST(Matrix, IsMetByWhatPassedAndNamesIt) {
  const auto row = row_of(of_one_job(), Told().backup("app", Outcome::passed, 10h));
  EXPECT_EQ(row.status, Standing::met);
  EXPECT_EQ(row.decides.evidence_id, "entry-1");
  EXPECT_EQ(row.decides.validated_at, kNow - 10h);
  EXPECT_EQ(row.decides.subject, "nightly.app");
}

TEST(Matrix, TurnsStaleByItself) {
  Told told;
  told.backup("app", Outcome::passed, 0h);
  EXPECT_EQ(status(of_one_job(), told, kNow + 26h), Standing::met);
  EXPECT_EQ(status(of_one_job(), told, kNow + 26h + 1s), Standing::stale);
}

TEST(Matrix, FailsByTheNewestThatDecides) {
  Told told;
  told.backup("app", Outcome::passed, 3h).backup("app", Outcome::failed, 2h);
  EXPECT_EQ(status(of_one_job(), told), Standing::failing);
  EXPECT_EQ(row_of(of_one_job(), told).decides.evidence_id, "entry-2");
  told.backup("app", Outcome::passed, 1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::met);
}

TEST(Matrix, AFailureDoesNotWearOff) {
  Told told;
  told.backup("app", Outcome::failed, 2000h);
  EXPECT_EQ(status(of_one_job(), told), Standing::failing);
}

TEST(Matrix, WhatCouldNotBeVerifiedDecidesNothing) {
  Told told;
  told.backup("app", Outcome::could_not_verify, 1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::never);
  ASSERT_TRUE(row_of(of_one_job(), told).decides.attempt);
  EXPECT_EQ(row_of(of_one_job(), told).decides.attempt->id, "entry-1");
}

// What passed counts for as long as it may, and not a second longer because somebody tried.
TEST(Matrix, WhatCouldNotBeVerifiedNeitherEndsNorPutsOffWhatPassed) {
  Told told;
  told.backup("app", Outcome::passed, 25h).backup("app", Outcome::could_not_verify, 1h);
  const auto row = row_of(of_one_job(), told);
  EXPECT_EQ(row.status, Standing::met);
  EXPECT_EQ(row.decides.attempt->id, "entry-2");
  EXPECT_EQ(status(of_one_job(), told, kNow + 2h), Standing::stale);
}

TEST(Matrix, WhatCouldNotBeVerifiedDoesNotTakeBackAFailure) {
  Told told;
  told.backup("app", Outcome::failed, 2h).backup("app", Outcome::could_not_verify, 1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::failing);
}

TEST(Matrix, WhatWasSkippedIsNoEvidence) {
  Told told;
  told.backup("app", Outcome::passed, 3h).backup("app", Outcome::skipped, 1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::met);
  EXPECT_FALSE(row_of(of_one_job(), told).decides.attempt);
}

TEST(Matrix, ARehearsalSaysNothing) {
  const auto plan = plan_of(
      {.id = "REQ-RST-1", .text = "t", .validated_by = {"restore_drill"}, .max_age = 8 * 24h},
      {{"weekly.app", {}}});
  const auto drill = [](bool rehearsal) {
    json::object subject{{"drill", "weekly"}, {"job", "nightly"}, {"database", "app"}};
    if (rehearsal) subject["rehearsal"] = true;
    return subject;
  };
  Told told;
  told.entry("restore_drill", drill(true), Outcome::passed, 1h);
  EXPECT_EQ(status(plan, told), Standing::never);
  told.entry("restore_drill", drill(false), Outcome::passed, 1h);
  told.entry("restore_drill", drill(true), Outcome::failed, 0h);
  EXPECT_EQ(status(plan, told), Standing::met);
}

TEST(Matrix, EachSubjectOfTheConfigurationMustStand) {
  const auto plan = backups_of({{"nightly.app", {}}, {"nightly.crm", {}}});
  Told told;
  told.backup("app", Outcome::passed, 1h);
  EXPECT_EQ(status(plan, told), Standing::never);
  EXPECT_EQ(row_of(plan, told).decides.subject, "nightly.crm");
  told.backup("crm", Outcome::failed, 1h).backup("app", Outcome::passed, 0h);
  EXPECT_EQ(status(plan, told), Standing::failing);
  told.backup("crm", Outcome::passed, 0h);
  EXPECT_EQ(status(plan, told), Standing::met);
  EXPECT_EQ(row_of(plan, told).parts.size(), 2u);
}

TEST(Matrix, WhatIsNotConfiguredAnyMoreCountsForNothing) {
  Told told;
  told.backup("old", Outcome::failed, 1h).backup("app", Outcome::passed, 1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::met);
  auto nothing_asked = of_one_job();
  nothing_asked.subjects["backup"].clear();
  EXPECT_EQ(status(nothing_asked, told), Standing::never);
}

TEST(Matrix, ASlowerPlanIsHeldToItself) {
  const auto plan = backups_of({{"nightly.app", {}}, {"weekly.app", 170h}});
  Told told;
  told.backup("app", Outcome::passed, 1h);
  told.entry("backup", {{"job", "weekly"}, {"database", "app"}}, Outcome::passed, 100h);
  EXPECT_EQ(status(plan, told), Standing::met);
  EXPECT_EQ(row_of(plan, told).parts[1].max_age, 170h);
}

TEST(Matrix, OfEquallyGoodPartsTheOneThatIsStaleFirstDecides) {
  const auto plan = backups_of({{"nightly.app", {}}, {"nightly.crm", {}}});
  Told told;
  told.backup("app", Outcome::passed, 20h).backup("crm", Outcome::passed, 1h);
  EXPECT_EQ(row_of(plan, told).decides.subject, "nightly.app");
}

TEST(Matrix, AMissedRunStandsUntilABackupOfThatJobPasses) {
  Told told;
  told.backup("app", Outcome::passed, 5h);
  told.entry("missed_run", {{"job", "nightly"}}, Outcome::could_not_verify, 2h);
  const auto row = row_of(of_one_job(), told);
  EXPECT_EQ(row.status, Standing::failing);
  EXPECT_EQ(row.decides.kind, "missed_run");
  EXPECT_EQ(row.decides.evidence_id, "entry-2");
  told.backup("app", Outcome::passed, 1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::met);
}

TEST(Matrix, AMissedRunOfAnotherJobIsNotOfThisOne) {
  Told told;
  told.backup("app", Outcome::passed, 5h);
  told.entry("missed_run", {{"job", "hourly"}}, Outcome::failed, 2h);
  EXPECT_EQ(status(of_one_job(), told), Standing::met);
}

TEST(Matrix, WhatOnlyContradictsProvesNothing) {
  const auto plan = plan_of({.id = "REQ-BAK-3",
                             .text = "t",
                             .validated_by = {"backup_verify"},
                             .contradicted_by = {"scrub"},
                             .max_age = 26h},
                            {{"nightly.app", {}}});
  const json::object subject{{"job", "nightly"}, {"database", "app"}, {"backup", "x"}};
  Told told;
  told.entry("scrub", subject, Outcome::passed, 1h);
  EXPECT_EQ(status(plan, told), Standing::never);
  told.entry("backup_verify", subject, Outcome::passed, 1h);
  told.entry("scrub", subject, Outcome::could_not_verify, 1h);
  EXPECT_EQ(status(plan, told), Standing::met);
  told.entry("scrub", subject, Outcome::failed, 1h);
  EXPECT_EQ(status(plan, told), Standing::failing);
}

Requirement of_kinds(std::string id, std::vector<std::string> kinds) {
  return {.id = std::move(id), .text = "t", .validated_by = std::move(kinds), .max_age = 8 * 24h};
}

TEST(Matrix, EveryKindMustStand) {
  const auto plan = plan_of(of_kinds("REQ-OPS-3", {"error_contract", "canary"}));
  Told told;
  told.entry("error_contract", {}, Outcome::passed, 1h);
  EXPECT_EQ(status(plan, told), Standing::never);
  told.entry("canary", {}, Outcome::passed, 1h);
  EXPECT_EQ(status(plan, told), Standing::met);
}

TEST(Matrix, OfOneOwnKindOnlyTheRequirementsThatTheEntryNamesAreMet) {
  Told told;
  told.entry("status_contract", {}, Outcome::passed, 1h, {"REQ-OPS-1", "REQ-BAK-4"});
  EXPECT_EQ(status(plan_of(of_kinds("REQ-OPS-1", {"status_contract"})), told), Standing::met);
  EXPECT_EQ(status(plan_of(of_kinds("REQ-API-6", {"status_contract"})), told), Standing::never);
}

TEST(Matrix, ARequirementOfOnesOwnFileIsMetByOurKinds) {
  Told told;
  told.entry("evidence_verify", {{"type", "ledger"}}, Outcome::passed, 1h);
  EXPECT_EQ(status(plan_of(of_kinds("ACME-7", {"evidence_verify"})), told), Standing::met);
}

TEST(Matrix, WhatComesFromOutsideSpeaksToWhatItNamesAlone) {
  Told told;
  told.entry("dashboards", {}, Outcome::passed, 1h, {"REQ-API-3"});
  EXPECT_EQ(status(plan_of(of_kinds("REQ-API-3", {"dashboards"})), told), Standing::met);
  EXPECT_EQ(status(plan_of(of_kinds("ACME-7", {"dashboards"})), told), Standing::never);
  told.entry("dashboards", {}, Outcome::failed, 0h, {"ACME-7"});
  EXPECT_EQ(status(plan_of(of_kinds("REQ-API-3", {"dashboards"})), told), Standing::met);
  EXPECT_EQ(status(plan_of(of_kinds("ACME-7", {"dashboards"})), told), Standing::failing);
}

// A load test's word beside the program's own measurement.
TEST(Matrix, WhatIsRecordedOfAnOwnKindSpeaksToWhatItNamesAlone) {
  const auto plan = plan_of(of_kinds("REQ-OPS-2", {"health_latency"}));
  const auto own_file = plan_of(of_kinds("ACME-7", {"health_latency"}));
  Told told;
  told.entry("health_latency", {{"recorded", true}}, Outcome::passed, 2h, {"REQ-OPS-2"});
  EXPECT_EQ(status(plan, told), Standing::met);
  EXPECT_EQ(status(own_file, told), Standing::never);
  told.entry("health_latency", {}, Outcome::passed, 1h);
  EXPECT_EQ(status(own_file, told), Standing::met);
  told.entry("health_latency", {{"recorded", true}}, Outcome::failed, 0h, {"REQ-OPS-2"});
  EXPECT_EQ(status(plan, told), Standing::failing);
  EXPECT_EQ(status(own_file, told), Standing::met) << "it hides nothing of our own";
}

TEST(Matrix, EvidenceFromTheFutureHasNoAge) {
  Told told;
  told.backup("app", Outcome::passed, -1h);
  EXPECT_EQ(status(of_one_job(), told), Standing::stale);
}

MatrixPlan waived_until(std::chrono::year_month_day until) {
  auto plan = of_one_job();
  plan.waivers.push_back({"REQ-BAK-1", "CTO", "moving house", until});
  return plan;
}

TEST(Matrix, AWaiverHoldsUntilItsLastDayIsOver) {
  const auto plan = waived_until(std::chrono::year(2026) / 11 / 20);
  const Told told;
  const auto row = row_of(plan, told, kNow + 12h - 1s);
  EXPECT_EQ(row.status, Standing::waived);
  EXPECT_EQ(row.evidence_status, Standing::never);
  EXPECT_FALSE(row.unmet());
  const auto over = row_of(plan, told, kNow + 12h);
  EXPECT_EQ(over.status, Standing::never);
  EXPECT_EQ(over.waiver->by, "CTO");
  EXPECT_FALSE(over.waived);
}

TEST(Matrix, WhatIsMetNeedsNoWaiver) {
  const auto plan = waived_until(std::chrono::year(2027) / 1 / 1);
  EXPECT_EQ(status(plan, Told().backup("app", Outcome::passed, 1h)), Standing::met);
}

TEST(Matrix, OnlyWhatIsRequiredAndNeitherMetNorWaivedIsCounted) {
  auto plan = waived_until(std::chrono::year(2027) / 1 / 1);
  auto optional = of_kinds("B", {"dashboards"});
  optional.required = false;
  plan.requirements.push_back(optional);
  plan.requirements.push_back(of_kinds("C", {"dashboards"}));
  const auto rows = matrix(plan, Told().newest, kNow);
  EXPECT_EQ(count_unmet(rows), 1u);
}

class NewestInALedger : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> open() {
    return Ledger::open(platform::real_file_system(), folder_ / "ledger", clock_).value();
  }
  Entry entry(std::string_view database, Outcome result) {
    Entry entry;
    entry.kind = kind::kBackup;
    entry.trigger.by = "schedule";
    entry.subject = {{"job", "nightly"}, {"database", database}};
    entry.started_at = entry.ended_at = clock_.now();
    entry.result = result;
    return entry;
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
};

TEST_F(NewestInALedger, IsKnownAfterEachAppendAndAfterTheNextStart) {
  auto ledger = open();
  ASSERT_TRUE(ledger->append(entry("app", Outcome::passed)));
  const auto failed = ledger->append(entry("crm", Outcome::failed));
  const auto known = [&] { return ledger->view()->newest->of(kind::kBackup); };
  EXPECT_EQ(known().size(), 2u);
  ledger = open();
  ASSERT_EQ(known().size(), 2u);
  EXPECT_EQ(known().at("nightly.crm").deciding->id, failed->id);
  EXPECT_EQ(known().at("nightly.crm").deciding->result, Outcome::failed);
}

TEST_F(NewestInALedger, OfAViewDoesNotChangeUnderItsReader) {
  const auto ledger = open();
  ASSERT_TRUE(ledger->append(entry("app", Outcome::passed)));
  const auto before = ledger->view();
  ASSERT_TRUE(ledger->append(entry("app", Outcome::failed)));
  EXPECT_EQ(before->newest->of(kind::kBackup).at("nightly.app").last.result, Outcome::passed);
}

TEST(Newest, ForgetsTheLongestSilentSubject) {
  Newest newest;
  LineView line;
  line.kind = kind::kBackup;
  line.ended_at = "2026-11-20T12:00:00Z";
  line.result = "passed";
  line.requirement_ids = "[]";
  for (size_t i = 0; i <= kMostSubjects; ++i) {
    const std::string subject = fmt::format(R"({{"job":"{}"}})", i);
    line.seq = i + 1;
    line.subject = subject;
    newest.note(line);
  }
  const auto& known = newest.of(kind::kBackup);
  EXPECT_EQ(known.size(), kMostSubjects);
  EXPECT_FALSE(known.contains("0"));
  EXPECT_TRUE(known.contains("1"));
}

}  // namespace
}  // namespace vigie::ledger
