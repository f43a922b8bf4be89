// The program's look at itself: the real routes must pass it, and routes that break their word must
// not.
#include "daemon/self_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "api/server.h"
#include "daemon/own_request.h"
#include "daemon/self_check_times.h"
#include "daemon/wiring.h"
#include "tests/support/temp_folder.h"

namespace vigie::daemon {
namespace {

using ledger::Outcome;
using namespace std::chrono_literals;
using ::testing::IsEmpty;

class SelfCheckTest : public ::testing::Test {
 protected:
  SelfCheckTest() {
    const std::string folder = folder_.path().string();
    std::ofstream(path_) << fmt::format(
        "state: {{dir: {0}/state}}\n"
        "databases:\n  app: {{dsn: \"host={0} dbname=app\"}}\n"
        "stores:\n  local: {{path: {0}/artefacts, reserve: 1MiB}}\n"
        "backups:\n  nightly: {{database: app, store: local}}\n",
        folder);
    World world{platform::real_file_system(),
                *processes_,
                *postgres_,
                *http_,
                clock_,
                log_,
                "test",
                true,
                &tap_};
    wiring_ = *Wiring::open(std::move(world), *config::load(world_files_, path_).config, path_);
  }

  SelfCheckTools tools() {
    return {.ask = [this](api::Request request) { return ask(std::move(request)); },
            .http = *http_,
            .socket = "",
            .log = &tap_,
            .clock = clock_,
            .matrix = [this] { return rows(); },
            .stop = {}};
  }
  api::Response ask(api::Request request) {
    return ask_routes(wiring_->api(), std::move(request), clock_.monotonic());
  }
  std::vector<ledger::MatrixRow> rows() {
    return ledger::matrix(*wiring_->requirements(), *wiring_->ledger().view()->newest,
                          clock_.now());
  }
  static std::vector<std::string> not_passed(const ledger::Entry& entry) {
    std::vector<std::string> ids;
    for (const ledger::Assertion& one : entry.assertions)
      if (one.result != Outcome::passed) ids.push_back(one.id + ": " + canonical_json(one.actual));
    return ids;
  }

  testing::TempFolder folder_;
  const platform::Path path_ = folder_ / "vigie.yaml";
  platform::FileSystem& world_files_ = platform::real_file_system();
  platform::RealClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
  platform::LogTap tap_;
  platform::Logger log_{tap_.around([](std::string_view) {}), platform::LogLevel::info, clock_,
                        platform::known_secrets()};
  std::unique_ptr<Wiring> wiring_;
};

TEST_F(SelfCheckTest, TheStatusAnswersKeepTheirContract) {
  const auto entry = check_status_contract(tools());
  EXPECT_THAT(not_passed(entry), IsEmpty());
  EXPECT_EQ(entry.result, Outcome::passed);
  EXPECT_THAT(entry.requirement_ids, ::testing::ElementsAre("REQ-BAK-4", "REQ-OPS-1"));
}

TEST_F(SelfCheckTest, AStatusThatLacksAKeyFails) {
  auto tools = this->tools();
  tools.ask = [this](api::Request request) {
    api::Response response = ask(std::move(request));
    auto document = parse_json(response.body)->as_object();
    document.erase("observed_at");
    response.body = json_text(document);
    return response;
  };
  const auto entry = check_status_contract(tools);
  EXPECT_EQ(entry.result, Outcome::failed);
  EXPECT_EQ(entry.error_code, "requirements_unmet");
}

TEST_F(SelfCheckTest, AStatusOfAnotherTimeFails) {
  auto tools = this->tools();
  tools.ask = [this](api::Request request) {
    api::Response response = ask(std::move(request));
    auto document = parse_json(response.body)->as_object();
    document["generated_at"] = format_rfc3339(clock_.now() - 1h);
    response.body = json_text(document);
    return response;
  };
  EXPECT_EQ(check_status_contract(tools).result, Outcome::failed);
}

TEST_F(SelfCheckTest, ErrorsKeepTheirContract) {
  const auto entry = check_error_contract(tools());
  EXPECT_THAT(not_passed(entry), IsEmpty());
  EXPECT_EQ(entry.result, Outcome::passed);
}

TEST_F(SelfCheckTest, AnErrorWithAnotherCorrelationIdFails) {
  auto tools = this->tools();
  tools.ask = [this](api::Request request) {
    std::erase_if(request.headers,
                  [](const auto& header) { return header.first == "x-correlation-id"; });
    return ask(std::move(request));
  };
  EXPECT_EQ(check_error_contract(tools).result, Outcome::failed);
}

TEST_F(SelfCheckTest, ARefusalForWantOfRoomSaysNothingOfTheContract) {
  auto tools = this->tools();
  tools.ask = [this](api::Request request) {
    api::Response response = ask(std::move(request));
    response.status = 503;
    return response;
  };
  EXPECT_EQ(check_error_contract(tools).result, Outcome::could_not_verify);
}

TEST_F(SelfCheckTest, NoSecretComesBack) {
  const auto entry = check_canary(tools());
  EXPECT_THAT(not_passed(entry), IsEmpty());
  EXPECT_EQ(entry.result, Outcome::passed);
  EXPECT_GT(entry.measures.at("log_lines").to_number<int>(), 30);
}

TEST_F(SelfCheckTest, AnAnswerThatRepeatsWhatItWasSentFails) {
  auto tools = this->tools();
  tools.ask = [this](api::Request request) {
    const std::string target = request.target;
    api::Response response = ask(std::move(request));
    response.body += target;
    return response;
  };
  EXPECT_EQ(check_canary(tools).result, Outcome::failed);
}

TEST_F(SelfCheckTest, ALogThatRepeatsWhatWasSentFails) {
  platform::LogTap tap;
  auto sink = tap.around([](std::string_view) {});
  auto tools = this->tools();
  tools.log = &tap;
  tools.ask = [&](api::Request request) {
    const auto id = request.header("x-request-id").value_or("");
    sink(fmt::format("{} {}\n", id, request.target));
    return ask(std::move(request));
  };
  EXPECT_EQ(check_canary(tools).result, Outcome::failed);
}

TEST_F(SelfCheckTest, WhereADaemonServesALogThatNobodySeesIsNoProof) {
  auto tools = this->tools();
  tools.log = nullptr;
  tools.socket = "/nowhere/vigie.sock";
  EXPECT_EQ(check_canary(tools).result, Outcome::could_not_verify);
  tools.socket.clear();
  EXPECT_EQ(check_canary(tools).result, Outcome::passed);
}

TEST_F(SelfCheckTest, HealthIsMeasuredOverTheSocket) {
  const auto socket = folder_ / "vigie.sock";
  const auto server =
      *api::Server::start({{.address = {},
                            .port = 0,
                            .unix_path = socket,
                            .unix_mode = 0600,
                            .trusts_peer = true,
                            .tls = {}}},
                          wiring_->api().handler(), wiring_->api().refusal(), clock_, {});
  auto tools = this->tools();
  tools.socket = socket.string();
  const auto entry = check_health_latency(tools);
  EXPECT_THAT(not_passed(entry), IsEmpty());
  EXPECT_EQ(entry.measures.at("requests").to_number<int>(), 300);
  EXPECT_GE(entry.measures.at("p99_ms").to_number<double>(),
            entry.measures.at("p50_ms").to_number<double>());
}

TEST_F(SelfCheckTest, WithoutADaemonHealthCannotBeMeasured) {
  const auto entry = check_health_latency(tools());
  EXPECT_EQ(entry.result, Outcome::could_not_verify);
  EXPECT_EQ(entry.error_code, "daemon_unreachable");
}

TEST_F(SelfCheckTest, TheMatrixIsCounted) {
  const auto entry = check_matrix(tools());
  EXPECT_EQ(entry.result, Outcome::passed);
  EXPECT_EQ(entry.measures.at("requirements").to_number<size_t>(), rows().size());
  auto nothing = tools();
  nothing.matrix = [] { return std::vector<ledger::MatrixRow>(); };
  EXPECT_EQ(check_matrix(nothing).result, Outcome::failed);
}

TEST_F(SelfCheckTest, TheDaemonLooksOnceAWeekAndItsMatrixTurnsMet) {
  const auto standing = [this](std::string_view id) {
    for (const auto& row : rows())
      if (row.requirement.id == id) return std::string(ledger::to_string(row.status));
    return std::string();
  };
  EXPECT_EQ(standing("REQ-EVD-2"), "never");
  wiring_->check_itself_when_due();
  const auto runs = [this] { return wiring_->executor().view(); };
  const auto* job = runs()->find(kSelfJob, kSelfCheck);
  ASSERT_NE(job, nullptr);
  const RunId id = job->running  ? job->running->id
                   : job->queued ? job->queued->id
                                 : job->last_attempt->id;
  // Nobody serves here: the latency cannot be measured, and nothing else is missing.
  EXPECT_EQ(wiring_->executor().wait(id, {})->state, jobs::RunState::could_not_verify);
  for (const char* met : {"REQ-OPS-1", "REQ-OPS-3", "REQ-BAK-4", "REQ-EVD-2"})
    EXPECT_EQ(standing(met), "met") << met;
  EXPECT_EQ(standing("REQ-OPS-2"), "never");
  EXPECT_EQ(standing("REQ-API-6"), "never");
  wiring_->check_itself_when_due();
  const auto again = runs();
  EXPECT_EQ(again->find(kSelfJob, kSelfCheck)->last_attempt->id, id);
  EXPECT_EQ(again->find(kSelfJob, kMatrixCheck), nullptr);
}

ledger::LedgerView ledger_with(std::string_view kind, SystemTime at,
                               std::string_view result = "could_not_verify") {
  auto newest = std::make_shared<ledger::Newest>();
  const std::string ended_at = format_rfc3339(at);
  ledger::LineView line;
  line.seq = 1;
  line.kind = kind;
  line.ended_at = ended_at;
  line.result = result;
  line.requirement_ids = "[]";
  line.subject = "{}";
  newest->note(line);
  ledger::LedgerView view;
  view.newest = newest;
  return view;
}

TEST(SelfCheckTimes, ItIsDueAWeekAfterTheLastWhateverThatFound) {
  const SystemTime now = *parse_rfc3339("2026-11-20T12:00:00Z");
  const auto due = [&](SystemTime last) {
    return self_check_due(ledger_with("canary", last), "canary", kSelfCheckEvery, nullptr, now);
  };
  EXPECT_FALSE(due(now - 167h));
  EXPECT_TRUE(due(now - 168h));
  EXPECT_TRUE(due(now + 1h));
}

TEST(SelfCheckTimes, WhatCouldNotBeVerifiedIsTriedAgainEachHourAndNotForEver) {
  const SystemTime then = *parse_rfc3339("2026-11-20T12:00:00Z");
  SelfCheckRepeats repeats;
  const auto left_open_at = [](SystemTime at) {  // all of it, by one busy moment
    return ledger_with(ledger::kind::kStatusContract, at);
  };
  SystemTime last = then;
  EXPECT_FALSE(repeats.due(left_open_at(last), nullptr, last + 59min));
  for (int i = 0; i < kMostSelfChecksAgain; ++i, last += 1h)
    EXPECT_TRUE(repeats.due(left_open_at(last), nullptr, last + 1h)) << i;
  EXPECT_FALSE(repeats.due(left_open_at(last), nullptr, last + 2h)) << "it waits a week now";
  EXPECT_TRUE(repeats.due(left_open_at(last), nullptr, last + 168h));
  EXPECT_TRUE(repeats.due(left_open_at(last + 168h), nullptr, last + 169h)) << "and begins anew";
}

TEST(SelfCheckTimes, WhatPassedIsNotRepeatedBeforeAWeekIsOver) {
  const SystemTime then = *parse_rfc3339("2026-11-20T12:00:00Z");
  SelfCheckRepeats repeats;
  const auto passed = ledger_with(ledger::kind::kStatusContract, then, "passed");
  EXPECT_FALSE(repeats.due(passed, nullptr, then + 2h));
}

TEST(SelfCheckTimes, AnAttemptThatLeftNothingIsRepeatedAfterAnHour) {
  const SystemTime now = *parse_rfc3339("2026-11-20T12:00:00Z");
  const auto ledger = ledger_with("other", now);
  jobs::JobView runs;
  runs.last_attempt.emplace();
  const auto due = [&](Duration ago) {
    runs.last_attempt->ended_at = now - ago;
    return self_check_due(ledger, "canary", kSelfCheckEvery, &runs, now);
  };
  EXPECT_FALSE(due(59min));
  EXPECT_TRUE(due(1h));
  runs.queued.emplace();
  EXPECT_FALSE(due(1h));
}

}  // namespace
}  // namespace vigie::daemon
