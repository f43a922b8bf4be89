// Every answer is what docs/formats/ says.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <fstream>

#include "tests/support/api_fixture.h"

namespace vigie::api {
namespace {

using testing::ApiFixture;

// Collects answers, then has Debian's python3-jsonschema judge all of them at once.
class Documents {
 public:
  void expect(std::string_view schema, const testing::RawAnswer& answer) {
    ASSERT_FALSE(answer.body.empty()) << schema << " " << answer.status;
    lines_.append(schema).append("\t").append(answer.body).append("\n");
  }
  // What is wrong; empty when nothing is.
  std::string mistakes(const testing::TempFolder& folder) const {
    const auto input = (folder / "documents").string();
    std::ofstream(input, std::ios::binary) << lines_;
    const std::string command = "/usr/bin/python3 -W ignore " VIGIE_SOURCE_DIR
                                "/tests/support/validate_documents.py < " +
                                input + " 2>&1";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    char buffer[4096];
    while (const size_t size = std::fread(buffer, 1, sizeof(buffer), pipe))
      output.append(buffer, size);
    const int status = ::pclose(pipe);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? output : output + "(exit not 0)";
  }

 private:
  std::string lines_;
};

constexpr std::string_view kStatus = "status-1.schema.json";
constexpr std::string_view kPublic = "status-public-1.schema.json";
constexpr std::string_view kProblem = "problem.schema.json";

std::string component(std::string_view name) {
  return "openapi.yaml#/components/schemas/" + std::string(name);
}

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
  EXPECT_EQ(documents.mistakes(fixture.folder()), "");
}

TEST(ApiSchema, StatusBeforeAnythingIsReadIsWhatItsSchemaSays) {
  ApiFixture fixture;
  fixture.services.views = [] { return status::Views(); };
  fixture.start();
  Documents documents;
  const auto read = fixture.token(Scope::read);
  for (const auto* path : {"/health", "/readiness", "/backups/status", "/restore/status"})
    documents.expect(kStatus, fixture.get(path, read));
  EXPECT_EQ(documents.mistakes(fixture.folder()), "");
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

TEST(ApiSchema, WhatIsNotKnownIsWhatTheSchemasSay) {
  ApiFixture fixture;
  fixture.services.views = [&] { return little_known(fixture.clock.now()); };
  fixture.start();
  Documents documents;
  const auto read = fixture.token(Scope::read);
  documents.expect(kStatus, fixture.get("/backups/status", read));
  documents.expect(component("Backups"), fixture.get("/v1/backups", read));
  EXPECT_NE(fixture.get("/v1/backups", read).body.find("\"raw_bytes\":null"), std::string::npos);
  EXPECT_EQ(documents.mistakes(fixture.folder()), "");
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
  EXPECT_EQ(documents.mistakes(fixture.folder()), "");
}

TEST(ApiSchema, BackupsRunsEvidenceAndTokensAreWhatTheirSchemasSay) {
  ApiFixture fixture;
  fixture.services.start_backup = [](const std::string&, const CallContext&) {
    return Result<RunId>(RunId(std::string(32, 'a')));
  };
  fixture.services.evidence = [](const EvidenceQuery&, const CallContext&) {
    return Result<EvidencePage>(EvidencePage{{json::object{{"seq", 1}}}, 1});
  };
  fixture.start();
  Documents documents;
  const auto socket = [&](std::string_view method, std::string_view target,
                          std::string_view body = {}) {
    return fixture.over_socket(method, target, body);
  };
  documents.expect(component("Backups"), socket("GET", "/v1/backups?limit=1"));
  documents.expect(component("BackupWithManifest"),
                   socket("GET", "/v1/backups/nightly.app-20261119T220000Z"));
  documents.expect(component("Accepted"), socket("POST", "/v1/backups/nightly/runs"));
  documents.expect(component("EvidencePage"), socket("GET", "/v1/evidence"));
  documents.expect(component("NewToken"), socket("POST", "/v1/tokens", R"({"scope":"read"})"));
  documents.expect(component("Tokens"), socket("GET", "/v1/tokens"));
  const auto id = fixture.tokens().list().at(0).id;
  documents.expect(component("Token"), socket("DELETE", "/v1/tokens/" + id));
  EXPECT_EQ(documents.mistakes(fixture.folder()), "");
}

TEST(ApiSchema, AWrongDocumentWouldBeFound) {
  ApiFixture fixture;
  Documents documents;
  documents.expect(kProblem, {.status = 400, .head = {}, .body = R"({"status":200})"});
  EXPECT_NE(documents.mistakes(fixture.folder()), "");
}

}  // namespace
}  // namespace vigie::api
