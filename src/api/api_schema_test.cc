// Every answer is what docs/formats/ says.
#include <gtest/gtest.h>

#include "tests/support/api_fixture.h"
#include "tests/support/contents.h"
#include "tests/support/documents.h"

namespace vigie::api {
namespace {

using testing::ApiFixture;

class Documents : public testing::Documents {
 public:
  using testing::Documents::expect;
  void expect(std::string_view schema, const testing::RawAnswer& answer) {
    SCOPED_TRACE(answer.status);
    expect(schema, answer.body);
  }
};

constexpr std::string_view kStatus = "status-1.schema.json";
constexpr std::string_view kPublic = "status-public-1.schema.json";
constexpr std::string_view kProblem = "problem.schema.json";

TEST(ApiSchema, EachStatusAnswerIsWhatItsSchemaSays) {
  ApiFixture fixture;
  fixture.start();
  Documents documents;
  const auto read = fixture.token(Scope::read);
  for (const int hours : {0, 2}) {  // fresh, then stale
    fixture.clock.advance(std::chrono::hours(hours));
    for (const auto* path : {"/health", "/readiness", "/backups/status", "/restore/status"}) {
      documents.expect(kPublic, fixture.get(path));
      documents.expect(kStatus, fixture.get(path, read));
    }
  }
  EXPECT_EQ(documents.mistakes(), "");
}

TEST(ApiSchema, StatusBeforeAnythingIsReadIsWhatItsSchemaSays) {
  ApiFixture fixture;
  fixture.services.views = [] { return status::Views(); };
  fixture.start();
  Documents documents;
  const auto read = fixture.token(Scope::read);
  for (const auto* path : {"/health", "/readiness", "/backups/status", "/restore/status"})
    documents.expect(kStatus, fixture.get(path, read));
  EXPECT_EQ(documents.mistakes(), "");
}

// One whose manifest was not read, in a store that is not reachable, and a run that has told
// nothing.
status::Views little_known(SystemTime now) {
  auto views = testing::sample_views(now);
  auto backups = testing::sample_backups(now);
  backups->stores[0].reachable = false;
  backups->jobs[0].reconciled_at.reset();
  backups->jobs[0].verify_after_backup = false;
  auto& newest = backups->artefacts.back();
  newest.manifest_sha256.clear();
  newest.last_verification.reset();
  backups->artefacts.front().configured = false;
  backups->losses.push_back({newest.id, "local", now});
  views.backups = backups;
  auto jobs = std::make_shared<jobs::JobsView>(*views.jobs);
  jobs->jobs[0].running = jobs->jobs[0].last_attempt;
  views.jobs = jobs;
  return views;
}

TEST(ApiSchema, ProofsOfDurabilityAreWhatTheSchemaSays) {
  ApiFixture fixture;
  auto proofs = std::make_shared<proof::ProofView>();
  proofs->durability_plans = {{"hurt", "app"}, {"seen", "app", true, std::chrono::minutes(5)}};
  proofs->observers["seen"] = {.proof = "seen", .last_row_at = fixture.clock.now()};
  fixture.services.views = [&] {
    auto views = testing::sample_views(fixture.clock.now());
    views.proof = proofs;
    return views;
  };
  fixture.start();
  Documents documents;
  documents.expect(kStatus, fixture.get("/restore/status", fixture.token(Scope::read)));
  EXPECT_EQ(documents.mistakes(), "");
}

TEST(ApiSchema, WhatIsNotKnownIsWhatTheSchemasSay) {
  ApiFixture fixture;
  fixture.services.views = [&] { return little_known(fixture.clock.now()); };
  fixture.start();
  Documents documents;
  const auto read = fixture.token(Scope::read);
  documents.expect(kStatus, fixture.get("/backups/status", read));
  documents.expect(Documents::component("Backups"), fixture.get("/v1/backups", read));
  EXPECT_NE(fixture.get("/v1/backups", read).body.find("\"raw_bytes\":null"), std::string::npos);
  EXPECT_EQ(documents.mistakes(), "");
}

TEST(ApiSchema, EachProblemIsWhatItsSchemaSays) {
  ApiFixture fixture;
  fixture.start();
  Documents documents;
  const auto read = fixture.token(Scope::read);
  documents.expect(kProblem, fixture.get("/nothing"));
  documents.expect(kProblem, fixture.request("POST", "/health"));
  documents.expect(kProblem, fixture.get("/v1/backups"));
  documents.expect(kProblem, fixture.get("/v1/tokens", read));
  documents.expect(kProblem, fixture.get("/v1/backups/nightly.app-20200101T000000Z", read));
  documents.expect(kProblem, fixture.get("/v1/backups?limit=0", read));
  documents.expect(kProblem, fixture.get("/health", "Expect: x\r\n"));
  for (int i = 0; i < 11; ++i)
    documents.expect(kProblem, fixture.get("/health", "Authorization: Bearer x\r\n"));
  EXPECT_EQ(documents.mistakes(), "");
}

// As the ledger wrote it.
json::array some_entries() {
  const auto file = testing::contents(VIGIE_SOURCE_DIR "/tests/corpora/ledger/three.jsonl");
  return {*parse_json(file.substr(0, file.find('\n')))};
}

TEST(ApiSchema, BackupsRunsEvidenceAndTokensAreWhatTheirSchemasSay) {
  ApiFixture fixture;
  fixture.services.start_backup = [](const std::string&, const CallContext&) {
    return Result<RunId>(RunId(std::string(32, 'a')));
  };
  fixture.services.evidence = [](const EvidenceQuery&, const CallContext&) {
    return Result<EvidencePage>(EvidencePage{some_entries(), 1});
  };
  fixture.start();
  Documents documents;
  const auto socket = [&](std::string_view method, std::string_view target,
                          std::string_view body = {}) {
    return fixture.over_socket(method, target, body);
  };
  documents.expect(Documents::component("Backups"), socket("GET", "/v1/backups?limit=1"));
  documents.expect(Documents::component("BackupWithManifest"),
                   socket("GET", "/v1/backups/nightly.app-20261119T220000Z"));
  documents.expect(Documents::component("Accepted"), socket("POST", "/v1/backups/nightly/runs"));
  documents.expect(Documents::component("EvidencePage"), socket("GET", "/v1/evidence"));
  documents.expect(Documents::component("NewToken"),
                   socket("POST", "/v1/tokens", R"({"scope":"read"})"));
  documents.expect(Documents::component("Tokens"), socket("GET", "/v1/tokens"));
  const auto id = fixture.tokens().list().at(0).id;
  documents.expect(Documents::component("Token"), socket("DELETE", "/v1/tokens/" + id));
  EXPECT_EQ(documents.mistakes(), "");
}

TEST(ApiSchema, AWrongDocumentWouldBeFound) {
  Documents documents;
  documents.expect(Documents::component("EvidencePage"),
                   R"({"items":[{"seq":1}],"next_cursor":null})");
  EXPECT_NE(documents.mistakes(), "");
  documents = {};
  documents.expect(kProblem, {.status = 400, .head = {}, .body = R"({"status":200})"});
  EXPECT_NE(documents.mistakes(), "");
}

}  // namespace
}  // namespace vigie::api
