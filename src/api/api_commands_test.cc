// The routes that start or change something.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/api_fixture.h"

namespace vigie::api {
namespace {

using testing::ApiFixture;

RunId some_run() {
  return RunId(std::string(32, 'a'));
}

TEST(ApiCommands, StartsABackupWithItsContext) {
  ApiFixture fixture;
  CallContext seen;
  fixture.services.start_backup = [&](const std::string& job, const CallContext& context) {
    seen = context;
    EXPECT_EQ(job, "nightly");
    return Result<RunId>(some_run());
  };
  fixture.start();
  const auto operate = fixture.token(Scope::operate);
  const auto answer = fixture.request("POST", "/v1/backups/nightly/runs",
                                      operate + "Idempotency-Key: k-1\r\nX-Correlation-Id: c-9\r\n",
                                      R"({"reason":"before the upgrade","ref":"CH-1"})");
  EXPECT_EQ(answer.status, 202) << answer.body;
  EXPECT_EQ(answer.header("location"), "/v1/runs/" + some_run().str());
  EXPECT_EQ(seen.idempotency_key, "k-1");
  EXPECT_EQ(seen.request_hash.size(), 64u);
  EXPECT_EQ(seen.correlation_id.str(), "c-9");
  EXPECT_EQ(seen.reason, "before the upgrade");
  EXPECT_TRUE(seen.actor.starts_with("token:"));
  EXPECT_EQ(fixture.request("POST", "/v1/backups/nightly/runs", fixture.token(Scope::read)).status,
            403);
}

TEST(ApiCommands, RefusesABodyThatIsNotWhatItSays) {
  ApiFixture fixture;
  fixture.services.start_backup = [](const std::string&, const CallContext&) {
    return Result<RunId>(some_run());
  };
  fixture.start();
  for (const auto* body : {"{", "[]", R"({"x":1})", R"({"reason":1})", R"({"reason":"a\u0000b"})"})
    EXPECT_EQ(fixture.over_socket("POST", "/v1/backups/nightly/runs", body).status, 400) << body;
  const auto text_body = fixture.request(
      "POST", "/v1/backups/nightly/runs",
      fixture.token(Scope::operate) + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(text_body.status, 415);
}

TEST(ApiCommands, SaysThatABodyIsNoJsonAndNotThatTheRequestIsNoHttp) {
  ApiFixture fixture;
  fixture.services.start_backup = [](const std::string&, const CallContext&) {
    return Result<RunId>(some_run());
  };
  fixture.start();
  const auto answer = fixture.over_socket("POST", "/v1/backups/nightly/runs", "{bad");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, ::testing::HasSubstr("\"http_invalid_parameter\""));
  EXPECT_THAT(answer.body,
              ::testing::HasSubstr("the body: expected JSON (syntax error at byte 1)"));
}

TEST(ApiCommands, RefusesACommandWithAQueryParameterThatItWouldNotHeed) {
  ApiFixture fixture;
  int begun = 0;
  const auto count = [&](const auto&...) { return ++begun, Result<>(); };
  const auto start = [&](const auto&...) { return ++begun, Result<RunId>(some_run()); };
  fixture.services.start_backup = start;
  fixture.services.start_verification = start;
  fixture.services.start_prune = start;
  fixture.services.pin = fixture.services.unpin = count;
  fixture.services.acknowledge_backup = fixture.services.give_up_backup = count;
  fixture.services.cancel_run = count;
  fixture.services.acknowledge_ledger = fixture.services.reload = count;
  fixture.start();
  const std::string backup = "/v1/backups/nightly.app-20261119T220000Z";
  const std::pair<const char*, std::string> commands[] = {
      {"POST", "/v1/retention/runs"},
      {"POST", "/v1/backups/nightly/runs"},
      {"POST", backup + "/verifications"},
      {"PUT", backup + "/pin"},
      {"DELETE", backup + "/pin"},
      {"POST", backup + "/acknowledgement"},
      {"POST", backup + "/loss"},
      {"DELETE", "/v1/runs/" + some_run().str()},
      {"POST", "/v1/reload"},
      {"POST", "/v1/evidence/acknowledgement"},
      {"POST", "/v1/tokens"},
      {"DELETE", "/v1/tokens/0123456789ab"}};
  constexpr std::string_view kBody = R"({"reason":"test"})";
  for (const auto& [method, path] : commands) {
    const auto answer = fixture.over_socket(method, path + "?job=test", kBody);
    EXPECT_EQ(answer.status, 400) << method << " " << path;
    EXPECT_NE(answer.body.find("no such parameter"), std::string::npos) << answer.body;
  }
  EXPECT_EQ(begun, 0);
}

TEST(ApiCommands, AcknowledgesABackupThatIsInNoListSinceItWasLost) {
  ApiFixture fixture;
  const auto id = *BackupId::parse("nightly.app-20200101T000000Z");
  auto backups = testing::sample_backups(fixture.clock.now());
  backups->losses.push_back({id, "local", fixture.clock.now()});
  auto views = testing::sample_views(fixture.clock.now());
  views.backups = backups;
  fixture.services.views = [views] { return views; };
  std::vector<BackupId> told;
  const auto note = [&](const BackupId& one, const CallContext&) {
    return told.push_back(one), Result<>();
  };
  fixture.services.acknowledge_backup = fixture.services.pin = note;
  fixture.start();
  const std::string path = "/v1/backups/" + id.str();
  constexpr std::string_view kBody = R"({"reason":"disk replaced"})";
  EXPECT_EQ(fixture.over_socket("POST", path + "/acknowledgement", kBody).status, 200);
  EXPECT_EQ(told, std::vector{id});
  EXPECT_EQ(fixture.over_socket("PUT", path + "/pin", kBody).status, 404) << "it is gone";
  EXPECT_EQ(told.size(), 1U);
}

TEST(ApiCommands, AcknowledgesABackupOfWhichThereIsACopyAlone) {
  ApiFixture fixture;
  const auto copied = *BackupId::parse("nightly.app-20200101T000000Z");
  const auto remains = *BackupId::parse("nightly.app-20200102T000000Z");
  auto backups = testing::sample_backups(fixture.clock.now());
  backups->copies.emplace_back().id = copied;
  backups->copy_remains = {remains};
  auto views = testing::sample_views(fixture.clock.now());
  views.backups = backups;
  fixture.services.views = [views] { return views; };
  std::vector<BackupId> told;
  fixture.services.acknowledge_backup = [&](const BackupId& one, const CallContext&) {
    return told.push_back(one), Result<>();
  };
  fixture.start();
  for (const BackupId& one : {copied, remains}) {
    const auto answer = fixture.over_socket("POST", "/v1/backups/" + one.str() + "/acknowledgement",
                                            R"({"reason":"damaged"})");
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  EXPECT_EQ(told, (std::vector{copied, remains}));
}

TEST(ApiCommands, RefusesAnIdempotencyKeyThatComesTwice) {
  ApiFixture fixture;
  fixture.services.start_backup = [](const std::string&, const CallContext&) {
    return Result<RunId>(some_run());
  };
  fixture.start();
  const auto answer = fixture.request(
      "POST", "/v1/backups/nightly/runs",
      fixture.token(Scope::operate) + "Idempotency-Key: a\r\nIdempotency-Key: a\r\n");
  EXPECT_EQ(answer.status, 400);
}

}  // namespace
}  // namespace vigie::api
