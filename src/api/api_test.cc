// The routes over a real server, with made-up views and services.
#include "api/api.h"

#include <gtest/gtest.h>

#include <future>

#include "api/documents.h"
#include "base/json.h"
#include "tests/support/api_fixture.h"
#include "tests/support/mailbox.h"

namespace vigie::api {
namespace {

using std::chrono::seconds;
using testing::ApiFixture;

json::object parse(const std::string& body) {
  auto value = parse_json(body);
  return value && value->is_object() ? value->get_object() : json::object();
}

std::string text(const json::object& object, std::string_view key) {
  const auto* value = find_string(object, key);
  return value ? std::string(*value) : std::string();
}

TEST(Api, GivesThePublicFormWithoutAToken) {
  ApiFixture fixture;
  fixture.start();
  for (const auto* path : {"/health", "/readiness", "/backups/status", "/restore/status"}) {
    const auto answer = fixture.get(path);
    EXPECT_EQ(answer.status, 200) << path;
    const auto document = parse(answer.body);
    EXPECT_EQ(text(document, "schema"), "vigie.status-public/1") << path;
    EXPECT_EQ(document.size(), 9u) << path;
    EXPECT_EQ(answer.header("cache-control"), "no-store") << path;
  }
}

TEST(Api, GivesTheWholeFormWithAToken) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.get("/backups/status", fixture.token(Scope::read));
  const auto document = parse(answer.body);
  EXPECT_EQ(text(document, "schema"), "vigie.status/1");
  EXPECT_EQ(text(document, "status"), "pass") << answer.body;
}

TEST(Api, StrictTurnsUnknownInto503) {
  ApiFixture fixture;
  fixture.start();
  EXPECT_EQ(fixture.get("/restore/status").status, 200);
  EXPECT_EQ(fixture.get("/restore/status?strict=1").status, 503);
  EXPECT_EQ(fixture.get("/restore/status?strict=perhaps").status, 400);
}

TEST(Api, ShowsAChangeOfTheViewsAtOnce) {
  ApiFixture fixture;
  auto views = std::make_shared<status::Views>(testing::sample_views(fixture.clock.now()));
  fixture.services.views = [views] { return *views; };
  fixture.start();
  EXPECT_EQ(fixture.get("/readiness").status, 200);
  auto jobs = std::make_shared<jobs::JobsView>(*views->jobs);
  jobs->state_error_code = "disk_full";
  views->jobs = jobs;
  EXPECT_EQ(fixture.get("/readiness").status, 503);
}

TEST(Api, NamesTheHealthTypeWhenAskedFor) {
  ApiFixture fixture;
  fixture.start();
  constexpr std::string_view kAccept = "Accept: application/health+json\r\n";
  EXPECT_EQ(fixture.get("/health", kAccept).header("content-type"), "application/health+json");
  EXPECT_EQ(fixture.get("/health").header("content-type"), "application/json");
  EXPECT_EQ(fixture.get("/backups/status", kAccept).header("content-type"), "application/json");
}

TEST(Api, BringsBackCorrelationAndRequestIds) {
  ApiFixture fixture;
  fixture.start();
  const auto answer =
      fixture.get("/health", "X-Correlation-Id: chain.1\r\nX-Request-Id: request-1\r\n");
  EXPECT_EQ(answer.header("x-correlation-id"), "chain.1");
  EXPECT_EQ(answer.header("x-request-id"), "request-1");
  EXPECT_EQ(text(parse(answer.body), "correlation_id"), "chain.1");
}

TEST(Api, ReplacesACorrelationIdThatIsNotOne) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.get("/health", "X-Correlation-Id: a b<script>\r\n");
  EXPECT_EQ(answer.header("x-correlation-id").size(), 32u);
}

// What an operator pasted into the wrong place stands in no answer, and goes nowhere from there.
TEST(Api, TakesNoTokenForAnId) {
  ApiFixture fixture;
  fixture.start();
  const std::string token = "vgt_" + std::string(43, 'k');
  const auto answer = fixture.get("/v1/runs/" + token + "?" + token + "=" + token,
                                  "X-Correlation-Id: " + token + "\r\nX-Request-Id: " + token +
                                      "\r\n" + fixture.token(Scope::read));
  EXPECT_EQ(answer.header("x-correlation-id").size(), 32u);
  EXPECT_EQ(answer.header("x-request-id").size(), 32u);
  EXPECT_EQ(answer.body.find(token), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("[redacted]"), std::string::npos) << answer.body;
}

TEST(Api, TakesTheTraceIdWhereThereIsNoCorrelationId) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.get(
      "/health", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
  EXPECT_EQ(answer.header("x-correlation-id"), "0af7651916cd43dd8448eb211c80319c");
}

TEST(Api, ChecksPermissionBeforeExistence) {
  ApiFixture fixture;
  fixture.start();
  for (const auto* path : {"/v1/backups", "/v1/nothing", "/v1/runs/x", "/v1/tokens/none"})
    EXPECT_EQ(fixture.get(path).status, 401) << path;
  const auto read = fixture.token(Scope::read);
  EXPECT_EQ(fixture.get("/v1/nothing", read).status, 404);
  EXPECT_EQ(fixture.get("/v1/tokens", read).status, 403);
  EXPECT_EQ(fixture.request("DELETE", "/v1/tokens/none", read).status, 403);
}

TEST(Api, AnswersAProblemDocument) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.get("/v1/backups?x=y");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.header("content-type"), "application/problem+json");
  EXPECT_EQ(answer.header("www-authenticate"), "Bearer realm=\"vigie\"");
  const auto problem = parse(answer.body);
  EXPECT_EQ(text(problem, "code"), "token_missing");
  EXPECT_EQ(text(problem, "instance"), "/v1/backups");
  EXPECT_EQ(text(problem, "correlation_id"), answer.header("x-correlation-id"));
}

TEST(Api, NamesTheMethodsOfAResource) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.request("POST", "/health");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(fixture.request("OPTIONS", "/health").status, 204);
  EXPECT_EQ(fixture.get("/nothing").status, 404);
}

TEST(Api, RefusesATokenThatIsExpiredOrRevokedOrUnknown) {
  ApiFixture fixture;
  fixture.start();
  const auto expiring = fixture.token(Scope::read, std::chrono::hours(1));
  EXPECT_EQ(fixture.get("/v1/backups", expiring).status, 200);
  fixture.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(fixture.get("/v1/backups", expiring).status, 401);
  const auto revoked = fixture.token(Scope::read);
  for (const auto& info : fixture.tokens().list()) ASSERT_TRUE(fixture.tokens().revoke(info.id));
  EXPECT_EQ(fixture.get("/v1/backups", revoked).status, 401);
  EXPECT_EQ(fixture.get("/health", "Authorization: Bearer vgt_x\r\n").status, 401);
}

TEST(Api, LimitsAttemptsWithWrongTokens) {
  ApiFixture fixture;
  fixture.start();
  const auto good = fixture.token(Scope::read);
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(fixture.get("/v1/backups", "Authorization: Bearer no\r\n").status, 401) << i;
  const auto limited = fixture.get("/v1/backups", "Authorization: Bearer no\r\n");
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.header("retry-after"), "10");
  EXPECT_EQ(fixture.get("/v1/backups", good).status, 200);
  fixture.clock.advance(seconds(10));
  EXPECT_EQ(fixture.get("/v1/backups", "Authorization: Bearer no\r\n").status, 401);
}

TEST(Api, TakesTheOwnerOnTheOperatorsSocketForAdmin) {
  ApiFixture fixture;
  fixture.start();
  EXPECT_EQ(fixture.over_socket("GET", "/v1/tokens").status, 200);
}

TEST(Api, TakesNobodyForAdminOnASocketThatAProxyMayUse) {
  ApiFixture fixture;
  fixture.start();
  EXPECT_EQ(fixture.over_named_socket("GET", "/v1/tokens").status, 401);
  EXPECT_EQ(fixture.over_named_socket("GET", "/v1/tokens", fixture.token(Scope::admin)).status,
            200);
}

TEST(Api, CreatesATokenThatWorksAndShowsItOnce) {
  ApiFixture fixture;
  std::vector<std::string> recorded;
  fixture.services.record_token = [&](TokenChange change, const TokenInfo& info,
                                      const CallContext& context) {
    recorded.push_back((change == TokenChange::created ? "created " : "revoked ") + info.id + " " +
                       context.reason);
    return Result<>();
  };
  fixture.start();
  const auto created = fixture.over_socket(
      "POST", "/v1/tokens", R"({"scope":"operate","name":"ci","expires_in":"90d","reason":"new"})");
  ASSERT_EQ(created.status, 201) << created.body;
  EXPECT_TRUE(created.head.starts_with("HTTP/1.1 201 Created\r\n")) << created.head;
  const auto document = parse(created.body);
  const auto token = text(document, "token");
  EXPECT_EQ(fixture.get("/v1/backups", "Authorization: Bearer " + token + "\r\n").status, 200);
  const auto listed = fixture.over_socket("GET", "/v1/tokens").body;
  EXPECT_NE(listed.find("\"ci\""), std::string::npos);
  EXPECT_EQ(listed.find(token), std::string::npos);
  ASSERT_EQ(recorded.size(), 1u);
  EXPECT_EQ(recorded[0], "created " + text(document, "id") + " new");
}

TEST(Api, DoesNotLetATokenLiveThatTheLedgerCouldNotRecord) {
  ApiFixture fixture;
  fixture.services.record_token = [](TokenChange, const TokenInfo&, const CallContext&) {
    return Result<>(fail(ErrorCode::ledger_unwritable, {{"path", "x"}, {"reason", "full"}}));
  };
  fixture.start();
  EXPECT_EQ(fixture.over_socket("POST", "/v1/tokens", R"({"scope":"read"})").status, 503);
  ASSERT_EQ(fixture.tokens().list().size(), 1u);
  EXPECT_TRUE(fixture.tokens().list()[0].revoked_at);
}

TEST(Api, AcknowledgesTheLedgersDamageForAnAdminWithAReason) {
  ApiFixture fixture;
  std::vector<std::string> seen;
  fixture.services.acknowledge_ledger = [&](const CallContext& context) {
    seen.push_back(context.reason + " " + context.reference);
    return Result<>();
  };
  fixture.start();
  constexpr std::string_view kPath = "/v1/evidence/acknowledgement";
  EXPECT_EQ(fixture.over_socket("POST", kPath, "{}").status, 400);
  EXPECT_TRUE(seen.empty());
  EXPECT_EQ(fixture.over_socket("POST", kPath, R"({"reason":"disk","ref":"T-1"})").status, 200);
  EXPECT_EQ(seen, std::vector<std::string>{"disk T-1"});
}

TEST(Api, ToHaveTheLedgerSignedTakesTheScopeOperate) {
  ApiFixture fixture;
  fixture.services.make_checkpoint = [](const CallContext&) {
    return Result<json::value>(json::object{{"checkpoint", nullptr}});
  };
  fixture.start();
  constexpr std::string_view kPath = "/v1/evidence/checkpoint";
  EXPECT_EQ(fixture.request("POST", kPath, fixture.token(Scope::read)).status, 403);
  EXPECT_EQ(fixture.request("POST", kPath, fixture.token(Scope::operate)).status, 200);
  EXPECT_EQ(fixture.over_socket("POST", kPath, R"({"x":1})").status, 400);
}

TEST(Api, ADefectInOneAnswerEndsThatAnswerAlone) {
  ApiFixture fixture;
  fixture.services.views = []() -> status::Views { throw std::runtime_error("secret words"); };
  fixture.services.evidence = [](const EvidenceQuery&, const CallContext&) -> Result<EvidencePage> {
    throw std::bad_alloc();
  };
  fixture.start();
  for (const char* path : {"/readiness", "/v1/evidence"}) {
    const auto answer = fixture.over_socket("GET", path);
    EXPECT_EQ(answer.status, 500) << path;
    EXPECT_EQ(text(parse(answer.body), "code"), "internal_error");
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  }
  EXPECT_EQ(fixture.get("/openapi.yaml").status, 200);
}

TEST(Api, ListsBackupsNewestFirstByPages) {
  ApiFixture fixture;
  fixture.start();
  const auto read = fixture.token(Scope::read);
  const auto first = parse(fixture.get("/v1/backups?limit=1", read).body);
  const auto* items = find_array(first, "items");
  ASSERT_TRUE(items && items->size() == 1);
  EXPECT_EQ(text(items->at(0).get_object(), "id"), "nightly.app-20261119T220000Z");
  const auto second =
      parse(fixture.get("/v1/backups?limit=1&cursor=" + text(first, "next_cursor"), read).body);
  EXPECT_EQ(text(find_array(second, "items")->at(0).get_object(), "id"),
            "nightly.app-20261118T220000Z");
  EXPECT_TRUE(find_value(second, "next_cursor")->is_null());
}

TEST(Api, FiltersBackupsAndRefusesWhatItDoesNotKnow) {
  ApiFixture fixture;
  fixture.start();
  const auto read = fixture.token(Scope::read);
  const auto count = [&](const std::string& query) {
    return find_array(parse(fixture.get("/v1/backups?" + query, read).body), "items")->size();
  };
  EXPECT_EQ(count("job=nightly"), 2u);
  EXPECT_EQ(count("job=other"), 0u);
  EXPECT_EQ(count("result=failed"), 0u);
  EXPECT_EQ(count("from=2026-11-19T00:00:00Z"), 1u);
  for (const auto* query : {"limit=0", "limit=501", "limit=x", "from=yesterday", "what=ever",
                            "job=a&job=b", "result=good", "cursor=x"})
    EXPECT_EQ(fixture.get(std::string("/v1/backups?") + query, read).status, 400) << query;
}

TEST(Api, GivesARefusalBothIds) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.get("/health", "Expect: x\r\n");
  EXPECT_EQ(answer.status, 417);
  EXPECT_EQ(answer.header("x-correlation-id").size(), 32u);
  EXPECT_EQ(answer.header("x-request-id").size(), 32u);
}

TEST(Api, KeepsTheClientsIdsWhenTheAnswerDoesNotCome) {
  testing::ApiFixtureOptions options;
  options.api.query_deadline = seconds(60);
  ApiFixture fixture(options);
  std::promise<void> asked;
  std::promise<void> release;
  fixture.services.evidence = [&](const EvidenceQuery&, const CallContext&) {
    asked.set_value();
    release.get_future().wait();
    return Result<EvidencePage>(EvidencePage{});
  };
  fixture.start();
  auto client = fixture.connect();
  client.send("GET /v1/evidence HTTP/1.1\r\nHost: x\r\nX-Correlation-Id: chain.1\r\n" +
              std::string("X-Request-Id: request-1\r\n") + fixture.token(Scope::read) + "\r\n");
  asked.get_future().wait();
  fixture.clock.advance(seconds(35));
  const auto answer = client.read_answer();
  release.set_value();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 504);
  EXPECT_EQ(answer->header("x-correlation-id"), "chain.1");
  EXPECT_EQ(answer->header("x-request-id"), "request-1");
}

TEST(Api, AnswersForAQueryThatDoesNotEnd) {
  ApiFixture fixture;
  std::promise<void> asked;
  std::promise<void> stopped;
  fixture.services.evidence = [&](const EvidenceQuery&,
                                  const CallContext& context) -> Result<EvidencePage> {
    std::promise<void> stop;
    const std::stop_callback on_stop(context.stop, [&] { stop.set_value(); });
    asked.set_value();
    stop.get_future().wait();
    stopped.set_value();
    return fail(ErrorCode::cancelled, {{"reason", "test"}});
  };
  fixture.start();
  const auto read = fixture.token(Scope::read);
  auto client = fixture.connect();
  client.send("GET /v1/evidence HTTP/1.1\r\nHost: x\r\n" + read + "\r\n");
  asked.get_future().wait();
  fixture.clock.advance(seconds(30));
  const auto answer = client.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->header("retry-after"), "5");
  stopped.get_future().wait();
}

TEST(Api, AsksTheLedgerForOneEntryByItsId) {
  ApiFixture fixture;
  std::optional<std::string> asked;
  fixture.services.evidence = [&](const EvidenceQuery& query, const CallContext&) {
    asked = query.id;
    return Result<EvidencePage>(EvidencePage{{json::object{{"seq", 1}}}, std::nullopt});
  };
  fixture.start();
  EXPECT_EQ(fixture.over_socket("GET", "/v1/evidence?limit=1&id=0a1b").status, 200);
  EXPECT_EQ(asked, "0a1b");
}

TEST(Api, KeepsAnsweringStatusWhileThePoolIsFull) {
  testing::ApiFixtureOptions options;
  options.api.pool_threads = 1;
  options.api.pool_queue = 1;
  ApiFixture fixture(options);
  std::promise<void> release;
  std::promise<void> first;
  std::atomic<int> asked{0};
  const auto released = release.get_future().share();
  fixture.services.evidence = [&](const EvidenceQuery&, const CallContext&) {
    if (++asked == 1) first.set_value();
    released.wait();
    return Result<EvidencePage>(EvidencePage{});
  };
  fixture.start();
  const auto read = fixture.token(Scope::read);
  const std::string query = "GET /v1/evidence HTTP/1.1\r\nHost: x\r\n" + read + "\r\n";
  auto busy = fixture.connect();
  busy.send(query);
  first.get_future().wait();
  // Both wait for the one place in the queue: exactly one gets it.
  auto second = fixture.connect();
  auto third = fixture.connect();
  second.send(query);
  third.send(query);
  const bool second_waits = second.stays_silent(200);
  EXPECT_EQ((second_waits ? third : second).read_answer()->status, 503);
  EXPECT_EQ(fixture.get("/backups/status").status, 200);
  release.set_value();
  EXPECT_EQ(busy.read_answer()->status, 200);
  EXPECT_EQ((second_waits ? second : third).read_answer()->status, 200);
}

// As queries do of a store that hangs: after more of them than the pool has threads.
TEST(Api, RefusesAtOnceWhatHangsAndAnswersTheRest) {
  ApiFixture fixture;
  testing::Mailbox<int> asked;
  std::promise<void> release;
  fixture.services.evidence = [&, released = release.get_future().share()](const EvidenceQuery&,
                                                                           const CallContext&) {
    asked.put(0);
    released.wait();
    return Result<EvidencePage>(EvidencePage{});
  };
  fixture.services.schedule = [](size_t, const CallContext&) {
    return Result<json::value>(json::array{});
  };
  fixture.start();
  for (int i = 0; i < 3; ++i) {
    auto client = testing::RawClient::connect_unix(fixture.socket());
    client.send("GET /v1/evidence HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(asked.take());
    fixture.clock.advance(seconds(30));
    EXPECT_EQ(client.read_answer()->status, 503);
  }
  const auto refused = fixture.over_socket("GET", "/v1/evidence");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("retry-after"), "5");
  EXPECT_NE(refused.body.find("\"queries_hang\""), std::string::npos) << refused.body;
  EXPECT_EQ(fixture.over_socket("GET", "/v1/schedule").status, 200);
  release.set_value();
}

TEST(Api, OpensMetricsOnlyWhenConfigured) {
  ApiFixture closed;
  closed.start();
  EXPECT_EQ(closed.get("/metrics").status, 401);
  EXPECT_EQ(closed.get("/metrics", closed.token(Scope::read)).status, 200);
  testing::ApiFixtureOptions options;
  options.api.metrics_open = true;
  ApiFixture open(options);
  open.start();
  EXPECT_EQ(open.get("/metrics").status, 200);
  EXPECT_EQ(open.get("/metrics", "Accept: application/openmetrics-text\r\n").header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
}

TEST(Api, LogsTheRouteAndNotTheQuery) {
  ApiFixture fixture;
  fixture.start();
  fixture.get("/v1/backups/nightly.app-20261119T220000Z?token=canary", fixture.token(Scope::read));
  fixture.stop();
  const auto log = fixture.log();
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log[0].route, "/v1/backups/{backup}");
  EXPECT_EQ(log[0].actor_role, "read");
  EXPECT_EQ(log[0].status, 400);
  EXPECT_EQ(log[0].error_code, "http_invalid_parameter");
}

TEST(Api, ServesItsOwnDescription) {
  ApiFixture fixture;
  fixture.start();
  const auto answer = fixture.get("/openapi.yaml");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.body.starts_with("openapi: 3.1"));
}

// As a client resolves them: beside the document that has the reference (RFC 3986).
TEST(Api, ServesWhatItsDescriptionRefersTo) {
  ApiFixture fixture;
  fixture.start();
  const auto description = fixture.get("/openapi.yaml").body;
  constexpr std::string_view kMark = "$ref: \"";
  size_t followed = 0;
  for (size_t at = 0; (at = description.find(kMark, at)) != std::string::npos;) {
    at += kMark.size();
    const auto reference = description.substr(at, description.find('"', at) - at);
    if (reference.starts_with('#')) continue;
    const auto answer = fixture.get("/" + reference);
    EXPECT_EQ(answer.status, 200) << reference;
    EXPECT_EQ(answer.header("content-type"), "application/schema+json") << reference;
    ++followed;
  }
  EXPECT_GE(followed, 3u);
}

}  // namespace
}  // namespace vigie::api
