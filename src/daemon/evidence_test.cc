// What the wiring does about its evidence: signs it, replaces the key, says what does not fit.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/hash.h"
#include "daemon/wiring.h"
#include "ledger/named_log.h"
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

  void write_config(const std::string& more_stores = "") {
    const std::string text = fmt::format(
        "state: {{dir: {0}/state}}\nevidence: {{copy_to: {0}/copy}}\n"
        "databases:\n  app: {{dsn: \"host={0} dbname=app\"}}\n"
        "stores:\n  local: {{type: local, path: {0}/artefacts, reserve: 1MiB}}\n{1}"
        "backups:\n  nightly: {{database: app, store: local, schedule: \"0 2 * * *\"}}\n",
        folder_.path().string(), more_stores);
    ASSERT_TRUE(platform::write_file_replace(files_, path_, text));
  }
  void open() {
    wiring_.reset();
    start();
  }
  void start() {
    write_config();
    wiring_ = *Wiring::open({files_, *processes_, *postgres_, *http_, clock_, log_, "test", true},
                            *config::load(files_, path_).config, path_);
  }
  // As a backup does, or a preflight.
  void mark_store() { ASSERT_TRUE(wiring_->backups().setup()->store("local")->store->probe("")); }
  platform::Path copy_in_store() {
    const auto owner = platform::read_file(files_, folder_ / "state/owner", 1_KiB);
    return folder_ / "artefacts/.vigie-evidence" / owner->substr(0, 32);
  }
  Result<RunId> submit_backup() {
    const config::BackupJob* const job = wiring_->config()->backup("nightly");
    TRY_ASSIGN(auto submitted, wiring_->executor().submit(wiring_->backup_request(
                                   *job, {.by = "schedule"}, new_correlation_id())));
    return std::move(submitted.id);
  }
  // The error code of the daemon's own verification, which is due.
  std::string verify_ledger() {
    wiring_->verify_ledger_when_due();
    const auto view = wiring_->executor().view();
    const auto* const run = view->find("ledger", "evidence_verify");
    if (run == nullptr) return "not due";
    const auto id = run->running  ? run->running->id
                    : run->queued ? run->queued->id
                                  : run->last_attempt->id;
    EXPECT_TRUE(wiring_->executor().wait(id, {}));
    const auto verification = wiring_->ledger().view()->verification;
    return verification ? verification->error_code : "no entry";
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

TEST_F(EvidenceWiring, WhatIsThereIsSignedWhenSomebodyAsksForIt) {
  append(1);
  const auto answer = ask("POST", {"v1", "evidence", "checkpoint"});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto made = parse_json(answer.body).value();
  EXPECT_EQ(made.at("checkpoint").at("size").to_number<int>(), 1);
  EXPECT_EQ(made.at("ledger").at("last_seq").to_number<int>(), 1);
  EXPECT_EQ(made.at("ledger").at("head").as_string(), wiring_->ledger().view()->head);
  const auto lines = testing::bytes_of(lines_);
  EXPECT_EQ(ask("POST", {"v1", "evidence", "checkpoint"}).status, 200);
  EXPECT_EQ(testing::bytes_of(lines_), lines) << "nothing is new";
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

TEST_F(EvidenceWiring, ACopyLiesInAStoreOnceThatIsOurs) {
  append(1);
  wiring_->prove_writable();
  wiring_->copy_evidence({});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "artefacts")) << "evidence alone makes no store";
  mark_store();
  wiring_->copy_evidence({});
  const auto report = *ledger::verify_signed(files_, ledger::place_of(files_, copy_in_store()), {});
  EXPECT_EQ(report.verdict(), Verdict::passed);
  EXPECT_EQ(report.checkpoints.newest.size, 1U);
  EXPECT_FALSE(std::filesystem::exists(copy_in_store() / "ledger.key"));
  EXPECT_TRUE(wiring_->backups().setup()->store("local")->store->list()->empty());
  EXPECT_EQ(check("checkpoints.copies"), "pass ok");
}

TEST_F(EvidenceWiring, AStoreOfAReloadGetsACopyToo) {
  append(1);
  wiring_->prove_writable();
  write_config("  second: {type: local, path: " + (folder_ / "second").string() + "}\n");
  ASSERT_TRUE(wiring_->reload({"human", "signal", new_correlation_id(), {}}, "", ""));
  ASSERT_TRUE(wiring_->backups().setup()->store("second")->store->probe(""));
  wiring_->copy_evidence({});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "second/.vigie-evidence"));
}

TEST_F(EvidenceWiring, CheckpointsThatWereRemovedFailTheDailyVerification) {
  std::filesystem::remove_all(copy_);  // only the store has one
  mark_store();
  append(1);
  open();
  const std::string before = testing::bytes_of(lines_);
  append(2);
  open();
  wiring_->copy_evidence({});
  wiring_.reset();
  testing::write_bytes(lines_, before);
  start();
  wiring_->copy_evidence({});
  EXPECT_EQ(verify_ledger(), "checkpoint_invalid");
}

// Chain, mark, checkpoints and their signatures fit each other: somebody had the key.
TEST_F(EvidenceWiring, AChainThatWasWrittenAnewIsFoundByTheCopyInAStore) {
  std::filesystem::remove_all(copy_);
  mark_store();
  append(1);
  open();
  wiring_->copy_evidence({});
  wiring_.reset();
  for (const char* gone : {"ledger", "ledger.mark", "checkpoints.jsonl"})
    std::filesystem::remove_all(folder_ / "state" / gone);
  start();
  for (int number = 5; number < 9; ++number) append(number);
  EXPECT_EQ(check("ledger"), "pass ok");
  wiring_->copy_evidence({});
  EXPECT_EQ(check("ledger").substr(0, 4), "fail");
  EXPECT_EQ(verify_ledger(), "ledger_damaged");
}

TEST_F(EvidenceWiring, AnEntryNamesTheLogOfItsRunAndAChangedOneFailsTheDailyVerification) {
  ASSERT_TRUE(wiring_->executor().wait(*submit_backup(), {}));
  const auto entries = wiring_->ledger().page({.kind = "backup"})->entries;
  ASSERT_EQ(entries.size(), 1U);
  const auto named = ledger::named_log(entries.front());
  ASSERT_TRUE(named);
  const auto log = folder_ / "state/runs" / named->run.str() / "log.jsonl";
  const std::string text = testing::bytes_of(log);
  EXPECT_EQ(named->log.sha256, sha256_hex(text.substr(0, named->log.bytes.count)));
  EXPECT_EQ(verify_ledger(), "");
  testing::write_bytes(log, "{}" + text.substr(2));
  clock_.advance(25h);
  EXPECT_EQ(verify_ledger(), "file_corrupt");
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
  EXPECT_EQ(verify_ledger(), "checkpoint_invalid");
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
