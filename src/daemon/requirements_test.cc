#include "daemon/requirements.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vigie::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

constexpr std::string_view kConfig = R"(
databases:
  app: {dsn: dbname=app}
  crm: {dsn: dbname=crm}
stores:
  local: {path: /s}
backups:
  nightly: {databases: [app, crm], store: local, schedule: "0 2 * * *"}
  weekly: {database: app, store: local, schedule: "0 3 * * 0"}
drills:
  all: {backup: nightly, scratch: {dir: /x}}
  old: {backup: nightly, pick: oldest, scratch: {dir: /y}}
durability:
  app: {database: app}
)";

config::Config configuration() {
  return *config::parse(kConfig, "vigie.yaml").config;
}

std::vector<std::string> subjects(std::string_view kind) {
  std::vector<std::string> names;
  const auto plan = matrix_plan(configuration());
  for (const auto& one : plan->subjects.find(kind)->second) names.push_back(one.name);
  return names;
}

TEST(MatrixPlan, AsksForEveryJobAndDatabase) {
  for (const char* kind : {"backup", "backup_verify", "retention"})
    EXPECT_THAT(subjects(kind), ElementsAre("nightly.app", "nightly.crm", "weekly.app")) << kind;
}

TEST(MatrixPlan, AsksForDrillsOfTheNewestAlone) {
  EXPECT_THAT(subjects("restore_drill"), ElementsAre("all.app", "all.crm"));
  EXPECT_THAT(subjects("durability_proof"), ElementsAre("app.app"));
}

TEST(MatrixPlan, AJobMayBeAsSlowAsItsOwnPlan) {
  const auto plan = matrix_plan(configuration());
  EXPECT_EQ(plan->subjects.at("backup")[2].max_age, 7 * 24h + 2h);
}

TEST(MatrixPlan, SubjectsAreNamedAsEntriesNameThem) {
  EXPECT_EQ(ledger::subject_of({{"job", "nightly"},
                                {"database", "app"},
                                {"drill", "all"},
                                {"backup", "nightly.app-20261120T020000Z"}}),
            "all.app");
  EXPECT_EQ(ledger::subject_of({{"proof", "app"}, {"database", "app"}, {"fault", "x"}}), "app.app");
  EXPECT_EQ(ledger::subject_of({{"job", "nightly"}}), "nightly");
  EXPECT_EQ(ledger::subject_of({{"type", "ledger"}}), "");
}

class Reported : public ::testing::Test {
 protected:
  Result<ledger::Entry> entry() const {
    return reported_entry(report, context, *matrix_plan(configuration()), now);
  }
  // The argument that is wrong.
  std::string refused() const {
    const auto made = entry();
    return made ? "not at all" : std::string(made.error().parameter("argument"));
  }

  const SystemTime now = *parse_rfc3339("2026-11-20T12:00:00Z");
  api::EvidenceReport report{.kind = "dashboards",
                             .requirement_ids = {"REQ-API-3"},
                             .result = Verdict::passed,
                             .measures = {{"panels", 12}},
                             .artefacts = {{"a.json", std::string(64, 'a'), 3}},
                             .started_at = {},
                             .ended_at = {}};
  api::CallContext context{.actor = "token:1",
                           .correlation_id = CorrelationId("c1"),
                           .request_id = {},
                           .reason = "all there",
                           .reference = "https://ci.example/1",
                           .idempotency_key = {},
                           .request_hash = {},
                           .stop = {}};
};

TEST_F(Reported, IsMarkedAndSaysWhoSentIt) {
  const auto made = entry();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->kind, "dashboards");
  EXPECT_THAT(made->requirement_ids, ElementsAre("REQ-API-3"));
  EXPECT_EQ(made->subject.at("recorded"), json::value(true));
  EXPECT_EQ(made->trigger.actor, "token:1");
  EXPECT_EQ(made->reason, "all there");
  EXPECT_EQ(made->result, ledger::Outcome::passed);
  EXPECT_EQ(made->started_at, now);
  EXPECT_EQ(made->artefacts.at(0).sha256, std::string(64, 'a'));
}

TEST_F(Reported, WhatVigieWritesItselfNobodyElseCan) {
  for (const std::string_view kind : ledger::kind::kEvery) {
    if (kind == ledger::kind::kHealthLatency) continue;
    report.kind = kind;
    EXPECT_EQ(refused(), "kind") << kind;
  }
}

TEST_F(Reported, ALoadTestMayMeasureHealth) {
  report.kind = "health_latency";
  report.requirement_ids = {"REQ-OPS-2"};
  report.measures = {{"requests", 5000}, {"p95_ms", 12.5}};
  EXPECT_TRUE(entry());
}

TEST_F(Reported, AMeasurementOfHealthIsWorthAsMuchAsOurOwn) {
  report.kind = "health_latency";
  report.requirement_ids = {"REQ-OPS-2"};
  report.measures = {{"requests", 299}, {"p95_ms", 12.5}};
  EXPECT_EQ(refused(), "measures");
  report.measures = {{"requests", 5000}, {"p99_ms", 12.5}};
  EXPECT_EQ(refused(), "measures");
  report.measures = {{"requests", 5000}, {"p95_ms", 2000.5}};
  EXPECT_EQ(refused(), "result");
  report.result = Verdict::failed;
  EXPECT_TRUE(entry());
  report.measures["p95_ms"] = 3;
  EXPECT_EQ(refused(), "result");
}

TEST_F(Reported, ARequirementThatThereIsNotIsRefused) {
  report.requirement_ids = {"REQ-API-33"};
  EXPECT_EQ(entry().error().code(), ErrorCode::requirement_not_found);
}

TEST_F(Reported, ARequirementOfAnotherKindIsRefused) {
  report.requirement_ids = {"REQ-API-3", "REQ-DRF-5"};
  EXPECT_EQ(refused(), "requirement_ids");
  EXPECT_THAT(std::string(entry().error().parameter("expected")), HasSubstr("REQ-API-3"));
}

TEST_F(Reported, ANameThatIsNoKindIsRefused) {
  for (const char* kind : {"", "Dash boards", "1st", "a-b"}) {
    report.kind = kind;
    EXPECT_EQ(refused(), "kind") << kind;
  }
}

TEST_F(Reported, TimesLieInThePastAndInTheirOrder) {
  report.ended_at = now + 6min;
  EXPECT_EQ(refused(), "ended_at");
  report.ended_at = now + 1min;  // another machine's clock
  EXPECT_TRUE(entry());
  report.started_at = now + 2min;
  EXPECT_EQ(refused(), "started_at");
}

}  // namespace
}  // namespace vigie::daemon
