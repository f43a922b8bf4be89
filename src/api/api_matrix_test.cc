// GET /v1/matrix and POST /v1/evidence over a real server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/api_fixture.h"
#include "tests/support/documents.h"

namespace vigie::api {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
using testing::ApiFixture;
using testing::Documents;

ledger::MatrixPlan sample_plan() {
  ledger::MatrixPlan plan;
  for (const auto& [id, kind] :
       {std::pair("REQ-BAK-1", "backup"), std::pair("REQ-RST-1", "restore_drill"),
        std::pair("REQ-DUR-1", "durability_proof"), std::pair("REQ-API-3", "dashboards")})
    plan.requirements.push_back(
        {.id = id, .text = "Something holds", .validated_by = {kind}, .max_age = 8h});
  plan.subjects["backup"] = {{"nightly.app", 30h}, {"nightly.crm", 30h}};
  plan.waivers.push_back({"REQ-DUR-1", "CTO", "later", std::chrono::year(2027) / 5 / 31});
  plan.waivers.push_back({"REQ-RST-1", "CTO", "was", std::chrono::year(2026) / 5 / 31});
  return plan;
}

void note(ledger::Newest& newest, uint64_t seq, std::string_view kind, std::string_view result,
          std::string_view subject, std::string_view at) {
  ledger::LineView line;
  line.seq = seq;
  line.kind = kind;
  line.ended_at = at;
  line.id = "0123456789abcdef0123456789abcdef";
  line.result = result;
  line.requirement_ids = R"(["REQ-BAK-1"])";
  line.subject = subject;
  newest.note(line);
}

class MatrixRoute : public ::testing::Test {
 protected:
  MatrixRoute() {
    auto newest = std::make_shared<ledger::Newest>();
    note(*newest, 1, "backup", "passed", R"({"job":"nightly","database":"app"})",
         "2026-11-19T22:00:00Z");
    note(*newest, 2, "backup", "failed", R"({"job":"nightly","database":"crm"})",
         "2026-11-19T23:00:00Z");
    note(*newest, 3, "backup", "could_not_verify", R"({"job":"nightly","database":"app"})",
         "2026-11-19T23:30:00Z");
    auto views = testing::sample_views(fixture.clock.now());
    auto ledger = std::make_shared<ledger::LedgerView>();
    if (views.ledger) *ledger = *views.ledger;
    ledger->newest = newest;
    views.ledger = ledger;
    views.requirements = std::make_shared<const ledger::MatrixPlan>(sample_plan());
    fixture.services.views = [views] { return views; };
    fixture.services.record_evidence = [this](const EvidenceReport& report,
                                              const CallContext& context) {
      reports.push_back(report);
      summaries.push_back(context.reason);
      return Result<json::value>(
          json::object{{"id", "x"}, {"seq", 1}, {"entry_hash", std::string(64, 'a')}});
    };
    fixture.start();
  }
  json::object matrix() {
    return parse_json(fixture.get("/v1/matrix", fixture.token(Scope::read)).body)
        .value()
        .as_object();
  }
  json::object row(std::string_view id) {
    const json::object document = matrix();
    for (const json::value& item : document.at("items").as_array())
      if (item.at("id").as_string() == id) return item.as_object();
    return {};
  }
  testing::RawAnswer post(std::string_view body, std::string_view scope = "") {
    return scope.empty() ? fixture.over_socket("POST", "/v1/evidence", body)
                         : fixture.request("POST", "/v1/evidence", scope, body);
  }

  std::vector<EvidenceReport> reports;
  std::vector<std::string> summaries;
  ApiFixture fixture;
};

TEST_F(MatrixRoute, IsWhatItsSchemaSays) {
  Documents documents;
  documents.expect("matrix-1.schema.json",
                   fixture.get("/v1/matrix", fixture.token(Scope::read)).body);
  EXPECT_EQ(documents.mistakes(), "");
}

TEST_F(MatrixRoute, NamesTheEvidenceThatDecides) {
  const json::object backup = row("REQ-BAK-1");
  EXPECT_EQ(backup.at("status").as_string(), "failing");
  EXPECT_EQ(backup.at("subject").as_string(), "nightly.crm");
  EXPECT_EQ(backup.at("age_s").to_number<double>(), 3600);
  EXPECT_EQ(backup.at("max_age_s").to_number<double>(), 30 * 3600);
  EXPECT_EQ(backup.at("parts_total").to_number<int>(), 2);
  const json::value& app = backup.at("parts").at(1);
  EXPECT_EQ(app.at("status").as_string(), "met");
  EXPECT_EQ(app.at("last_attempt").at("result").as_string(), "could_not_verify");
}

TEST_F(MatrixRoute, SaysWhoWaivedWhatAndUntilWhen) {
  const json::object waived = row("REQ-DUR-1");
  EXPECT_EQ(waived.at("status").as_string(), "waived");
  EXPECT_EQ(waived.at("evidence_status").as_string(), "never");
  EXPECT_EQ(waived.at("waiver").at("until").as_string(), "2027-05-31");
  EXPECT_EQ(waived.at("waiver").at("by").as_string(), "CTO");
  EXPECT_EQ(row("REQ-RST-1").at("status").as_string(), "never");
  EXPECT_EQ(row("REQ-RST-1").at("waiver").at("in_force"), json::value(false));
}

TEST_F(MatrixRoute, NeedsAToken) {
  EXPECT_EQ(fixture.get("/v1/matrix").status, 401);
}

constexpr std::string_view kReport =
    R"({"kind":"dashboards","requirement_ids":["REQ-API-3"],"result":"passed",)"
    R"("summary":"three dashboards","measures":{"panels":12},)"
    R"("artefacts":[{"name":"a.json","sha256":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","bytes":3}],)"
    R"("ended_at":"2026-11-19T00:00:00Z","ref":"https://ci.example/1"})";

TEST_F(MatrixRoute, EvidenceFromElsewhereIsHandedOnWhole) {
  Documents documents;
  documents.expect(Documents::component("EvidenceReport"), kReport);
  const auto answer = post(kReport);
  EXPECT_EQ(answer.status, 201) << answer.body;
  documents.expect(Documents::component("Recorded"), answer.body);
  EXPECT_EQ(documents.mistakes(), "");
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports[0].kind, "dashboards");
  EXPECT_EQ(reports[0].result, Verdict::passed);
  EXPECT_EQ(reports[0].measures.at("panels").to_number<int>(), 12);
  EXPECT_EQ(reports[0].artefacts.at(0).bytes, 3u);
  EXPECT_EQ(format_rfc3339(*reports[0].ended_at), "2026-11-19T00:00:00Z");
  EXPECT_EQ(summaries[0], "three dashboards");
}

TEST_F(MatrixRoute, ToRecordEvidenceTakesTheScopeOperate) {
  EXPECT_EQ(post(kReport, fixture.token(Scope::read)).status, 403);
  EXPECT_EQ(post(kReport, fixture.token(Scope::operate)).status, 201);
}

TEST_F(MatrixRoute, EvidenceOfTheWrongFormIsRefused) {
  const auto refused = [this](const char* key, json::value value) {
    json::object body = parse_json(kReport)->as_object();
    body[key] = std::move(value);
    const auto answer = post(canonical_json(body));
    EXPECT_EQ(answer.status, 400) << key << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(key));
  };
  const auto file = [](const std::string& sha256, int bytes) {
    return json::array({json::object({{"name", "a"}, {"sha256", sha256}, {"bytes", bytes}})});
  };
  refused("requirement_ids", json::array());
  refused("requirement_ids", nullptr);
  refused("requirement_ids", json::array(51, json::value("REQ-API-3")));
  refused("result", "skipped");
  refused("result", nullptr);
  refused("summary", "");
  refused("summary", json::value(std::string(501, 'x')));
  refused("measures", json::object({{"a", "1"}}));
  refused("measures", json::object({{"A b", 1}}));
  refused("artefacts", file("b", 1));
  refused("artefacts", file(std::string(64, 'a'), -1));
  refused("ended_at", "yesterday");
  refused("more", 1);
  EXPECT_TRUE(reports.empty());
}

}  // namespace
}  // namespace vigie::api
