// What the wiring does about its evidence: signs it, replaces the key, says what does not fit.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "daemon/wiring.h"
#include "ledger/signed_verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/mailbox.h"
#include "tests/support/temp_folder.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using testing::Mailbox;

class EvidenceWiring : public ::testing::Test {
 protected:
  EvidenceWiring() {
    std::filesystem::create_directory(copy_);
    open();
  }
  ~EvidenceWiring() override { wiring_.reset(); }

  void open() {
    wiring_.reset();
    const std::string text = fmt::format(
        "state: {{dir: {0}/state}}\nevidence: {{copy_to: {0}/copy}}\n"
        "databases:\n  app: {{dsn: \"host={0} dbname=app\"}}\n"
        "stores:\n  local: {{type: local, path: {0}/artefacts, reserve: 1MiB}}\n"
        "backups:\n  nightly: {{database: app, store: local, schedule: \"0 2 * * *\"}}\n",
        folder_.path().string());
    ASSERT_TRUE(platform::write_file_replace(files_, path_, text));
    wiring_ = *Wiring::open({files_, *processes_, *postgres_, *http_, clock_, log_, "test", true},
                            *config::load(files_, path_).config, path_);
  }
  void append(int number) { ASSERT_TRUE(wiring_->ledger().append(testing::backup_entry(number))); }
  api::Response ask(const char* method, std::vector<std::string> path, std::string body = "") {
    api::Request request;
    request.method = method;
    for (const std::string& part : path) request.target += "/" + part;
    request.path = std::move(path);
    request.body = std::move(body);
    if (!request.body.empty()) request.headers.emplace_back("content-type", "application/json");
    request.peer = {.unix_socket = true, .trusted = true, .address = {}, .uid = ::geteuid()};
    Mailbox<api::Response> answer;
    wiring_->api().handler()(request, [&](api::Response told) { answer.put(std::move(told)); });
    return answer.take().value_or(api::Response());
  }
  std::string check(std::string_view id) {
    const auto readiness = parse_json(ask("GET", {"readiness"}).body).value();
    for (const json::value& one : readiness.at("checks").as_array()) {
      if (std::string_view(one.at("id").as_string()) == id)
        return fmt::format("{} {}", std::string_view(one.at("status").as_string()),
                           std::string_view(one.at("reason_code").as_string()));
    }
    return "";
  }
  size_t rotations_recorded() {
    return wiring_->ledger().page({.kind = "signing_key"})->entries.size();
  }

  platform::FileSystem& files_ = platform::real_file_system();
  testing::TempFolder folder_;
  const platform::Path path_ = folder_ / "vigie.yaml";
  const platform::Path copy_ = folder_ / "copy";
  const platform::Path lines_ = folder_ / "state" / "checkpoints.jsonl";
  testing::FakeClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
  platform::Logger log_{[](std::string_view) {}, platform::LogLevel::error, clock_,
                        platform::known_secrets()};
  std::unique_ptr<Wiring> wiring_;
};

TEST_F(EvidenceWiring, ACheckpointIsMadeWhenItIsDueAndAtTheEnd) {
  append(1);
  wiring_->prove_writable();
  EXPECT_EQ(wiring_->checkpoints().newest().seq, 1U);
  append(2);
  wiring_->prove_writable();
  EXPECT_EQ(wiring_->checkpoints().newest().seq, 1U) << "an hour has not passed";
  clock_.advance(1h);
  wiring_->prove_writable();
  EXPECT_EQ(wiring_->checkpoints().newest().seq, 2U);
  append(3);
  open();
  EXPECT_EQ(wiring_->checkpoints().newest().seq, 3U);
  EXPECT_EQ(check("checkpoints"), "pass ok");
}

TEST_F(EvidenceWiring, ARotationNamesWhoAndWhy) {
  const std::string old_id = wiring_->checkpoints().view()->key_id;
  EXPECT_EQ(ask("POST", {"v1", "evidence", "key"}, "{}").status, 400);
  const auto answer = ask("POST", {"v1", "evidence", "key"}, R"({"reason":"yearly","ref":"T-1"})");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto entry = wiring_->ledger().page({.kind = "signing_key"})->entries.at(0);
  EXPECT_EQ(entry.at("reason").as_string(), "yearly");
  EXPECT_EQ(entry.at("ref").as_string(), "T-1");
  EXPECT_EQ(entry.at("trigger").at("by").as_string(), "human");
  EXPECT_EQ(std::string_view(entry.at("subject").at("old_key_id").as_string()), old_id);
  EXPECT_EQ(std::string_view(entry.at("subject").at("new_key_id").as_string()),
            wiring_->checkpoints().view()->key_id);
}

TEST_F(EvidenceWiring, ARotationWhoseProcessDiedIsRecordedOnce) {
  append(1);
  ASSERT_TRUE(wiring_->checkpoints().rotate());
  EXPECT_EQ(rotations_recorded(), 0U);
  open();
  EXPECT_EQ(rotations_recorded(), 1U);
  open();
  EXPECT_EQ(rotations_recorded(), 1U);
}

TEST_F(EvidenceWiring, AnEditedCheckpointFailsTheDailyVerification) {
  append(1);
  wiring_->prove_writable();
  append(2);
  open();
  auto lines = testing::lines_of(lines_);
  ASSERT_EQ(lines.size(), 3U);
  lines[1].replace(lines[1].find("\"size\":1"), 8, "\"size\":2");
  testing::write_lines(lines_, lines);
  wiring_->verify_ledger_when_due();
  const auto view = wiring_->executor().view();
  const auto* const run = view->find("ledger", "evidence_verify");
  ASSERT_NE(run, nullptr);
  const auto id = run->running  ? run->running->id
                  : run->queued ? run->queued->id
                                : run->last_attempt->id;
  EXPECT_EQ(wiring_->executor().wait(id, {})->state, jobs::RunState::failed);
  const auto verification = wiring_->ledger().view()->verification;
  ASSERT_TRUE(verification);
  EXPECT_EQ(verification->error_code, "checkpoint_invalid");
  EXPECT_EQ(check("checkpoints"), "warn checkpoint_invalid");
}

TEST_F(EvidenceWiring, TellsWhatACopyLacks) {
  EXPECT_EQ(check("checkpoints.copies"), "warn not_copied");
  append(1);
  wiring_->prove_writable();
  wiring_->copy_evidence({});
  EXPECT_EQ(check("checkpoints.copies"), "pass ok");
  std::filesystem::remove_all(copy_);
  wiring_->copy_evidence({});
  EXPECT_EQ(check("checkpoints.copies"), "warn copy_missing");
  EXPECT_EQ(check("ledger"), "pass ok") << "it keeps nothing from working";
}

TEST_F(EvidenceWiring, TheCheckpointIsAskedFor) {
  const auto none = parse_json(ask("GET", {"v1", "evidence", "checkpoint"}).body).value();
  EXPECT_TRUE(none.at("checkpoint").is_null());
  append(1);
  wiring_->prove_writable();
  const auto one = parse_json(ask("GET", {"v1", "evidence", "checkpoint"}).body).value();
  EXPECT_EQ(one.at("checkpoint").at("size").to_number<int>(), 1);
  EXPECT_EQ(one.at("ledger").at("head"), one.at("checkpoint").at("head"));
}

}  // namespace
}  // namespace vigie::daemon
