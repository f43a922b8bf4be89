// The whole program in this process: its real rooms over a folder, without sockets, schedules and
// signals.
#include "daemon/wiring.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "tests/support/backup_room.h"
#include "tests/support/mailbox.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using jobs::RunOutcome;
using jobs::RunState;
using testing::Mailbox;

// Whoever opens `held` first has it, as it then is, and waits before reading it.
class HeldFiles final : public platform::ForwardingFileSystem {
 public:
  explicit HeldFiles(platform::Path held)
      : ForwardingFileSystem(platform::real_file_system()), held_(std::move(held)) {}

  Result<std::unique_ptr<platform::ReadableFile>> open_read(const platform::Path& path) override {
    auto file = ForwardingFileSystem::open_read(path);
    if (path == held_ && holds_.exchange(false)) {
      opened.put(true);
      go_on.take();
    }
    return file;
  }

  void hold() { holds_ = true; }
  Mailbox<bool> opened;
  Mailbox<bool> go_on;

 private:
  const platform::Path held_;
  std::atomic<bool> holds_ = false;
};

class WiringTest : public ::testing::Test {
 protected:
  // A verified artefact of an earlier life lies in the store.
  WiringTest() {
    earlier_.good(backup::night(28));
    earlier_.open("elsewhere");
    write("");
    wiring_ = *Wiring::open(world(), *config::load(files_, path_).config, path_);
  }
  // Work that still waits must end before what it waits for does.
  ~WiringTest() override { wiring_.reset(); }

  // `more`: a comment, or further lines.
  void write(std::string_view more, std::string_view state = "state") {
    const std::string folder = folder_.string();
    const std::string text = fmt::format(
        "state: {{dir: {0}/{2}}}\n"
        "databases:\n  app: {{dsn: \"host={0} dbname=app\"}}\n"
        "stores:\n  local: {{type: local, path: {0}/artefacts, reserve: 1MiB}}\n"
        "backups:\n  nightly: {{database: app, store: local, schedule: \"0 2 * * *\"}}\n{1}\n",
        folder, more, state);
    ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), path_, text));
  }
  // The job has a second store, and the backup that is there counts as good. In force at once.
  void copy_offsite() {
    const std::string folder = folder_.string();
    const std::string text = fmt::format(
        "state: {{dir: {0}/state}}\n"
        "databases:\n  app: {{dsn: \"host={0} dbname=app\"}}\n"
        "stores:\n  local: {{type: local, path: {0}/artefacts, reserve: 1MiB}}\n"
        "  offsite: {{type: local, path: {0}/offsite, reserve: 1MiB}}\n"
        "backups:\n  nightly:\n    {{database: app, store: local, copies: [offsite],\n"
        "     verify: {{after_backup: none}}, schedule: \"0 2 * * *\"}}\n",
        folder);
    ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), path_, text));
    ASSERT_TRUE(reload());
  }
  // A drill, and whatever looks at the database itself. In force at once.
  void look_at_database() {
    write(
        "drills:\n"
        "  weekly: {backup: nightly, scratch: {dir: /var/tmp/vigie-scratch}}\n"
        "  monthly: {backup: nightly, scratch: {dir: /var/tmp/vigie-scratch}}\n"
        "amcheck:\n  app: {database: app}\n"
        "durability:\n  hurts: {database: app}\n  watches: {database: app, mode: observe}");
    ASSERT_TRUE(reload());
  }
  jobs::RunRequest backup_request() {
    return wiring_->backup_request(*wiring_->config()->backup("nightly"), {}, {});
  }
  // The first or the second of them.
  jobs::RunRequest drill_request(size_t which) {
    return wiring_->drill_request(wiring_->config()->drills.at(which), {});
  }
  jobs::RunRequest durability_request(std::string_view name) {
    return wiring_->durability_request(*wiring_->config()->proof_of_durability(name));
  }
  static bool may_overlap(const jobs::RunRequest& one, const jobs::RunRequest& other) {
    return std::ranges::find_first_of(one.claims, other.claims) == one.claims.end();
  }
  std::string in_file() { return config::load(platform::real_file_system(), path_).config->sha256; }
  Result<> reload() { return wiring_->reload({"human", "test", correlation_, {}}, "", ""); }
  // What the owner is told at the socket.
  json::object ask(const std::string& route) {
    api::Request request;
    request.method = "GET";
    request.target = "/" + route;
    request.path = {route};
    request.peer = {.unix_socket = true, .trusted = true, .address = {}, .uid = ::geteuid()};
    Mailbox<api::Response> answer;
    wiring_->api().handler()(request, [&](api::Response told) { answer.put(std::move(told)); });
    return parse_json(answer.take().value_or(api::Response()).body).value().as_object();
  }
  // The check `configuration` of the readiness.
  std::string configuration() {
    const json::object readiness = ask("readiness");
    for (const json::value& check : readiness.at("checks").as_array()) {
      if (check.at("id").as_string() == "configuration")
        return fmt::format("{} {}", std::string_view(check.at("status").as_string()),
                           std::string_view(check.at("reason_code").as_string()));
    }
    return "";
  }
  // The newest entry of the last reload.
  json::object reload_entry() {
    json::object last;
    ledger::Filter filter;
    filter.kind = std::string(ledger::kind::kConfigReload);
    EXPECT_TRUE(wiring_->ledger().for_each(filter, [&](const json::object& entry) {
      last = entry;
      return true;
    }));
    return last;
  }
  // The newest line of this event; each has the reload's correlation id.
  json::object logged(std::string_view event) {
    json::object found;
    const std::lock_guard lock(lines_mutex_);
    for (const std::string& line : lines_) {
      auto object = parse_json(line)->as_object();
      if (object.at("event").as_string() != event) continue;
      EXPECT_EQ(object.at("correlation_id").as_string(), std::string_view(correlation_.str()));
      found = std::move(object);
    }
    return found;
  }

  RunId submit(jobs::RunRequest request) {
    auto submitted = wiring_->executor().submit(std::move(request));
    EXPECT_TRUE(submitted) << submitted.error().detail(Audience::operators);
    return submitted ? submitted->id : RunId();
  }
  // Stands in for a run: it is at work until it is let go.
  jobs::RunRequest stand_in(std::string job, std::string kind, std::vector<std::string> claims) {
    jobs::RunRequest request;
    request.job = std::move(job);
    request.kind = std::move(kind);
    request.correlation_id = new_correlation_id();
    request.claims = std::move(claims);
    request.timeout = std::chrono::days(30);
    request.work = [this](jobs::RunContext& context) {
      started_.put(context.id());
      let_go_.take();
      return RunOutcome::succeeded();
    };
    return request;
  }
  RunState end_of(const RunId& id) { return wiring_->executor().wait(id, {})->state; }
  // The newest: at work, or ended.
  std::optional<RunId> run_of(std::string_view job, std::string_view kind) const {
    const auto view = view_of(job, kind);
    if (!view) return std::nullopt;
    for (const auto& run : {view->queued, view->running, view->last_attempt})
      if (run) return run->id;
    return std::nullopt;
  }
  std::optional<jobs::JobView> view_of(std::string_view job, std::string_view kind) const {
    const auto view = wiring_->executor().view();
    const jobs::JobView* const found = view->find(job, kind);
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

 private:
  World world() {
    return {files_, *processes_, *postgres_, *http_, earlier_.clock, log_, "test", false};
  }

 protected:
  backup::RoomForTest earlier_;
  const platform::Path folder_ = earlier_.root().parent_path();
  const platform::Path path_ = folder_ / "vigie.yaml";
  HeldFiles files_{path_};
  Mailbox<RunId> started_;
  Mailbox<bool> let_go_;
  const CorrelationId correlation_ = new_correlation_id();  // of each reload

 private:
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client();
  std::mutex lines_mutex_;
  std::vector<std::string> lines_;  // of the log; guarded by lines_mutex_
  platform::Logger log_{[this](std::string_view line) {
                          const std::lock_guard lock(lines_mutex_);
                          lines_.emplace_back(line);
                        },
                        platform::LogLevel::info, earlier_.clock, platform::known_secrets()};

 protected:
  std::unique_ptr<Wiring> wiring_;
};

TEST_F(WiringTest, TheLedgerIsVerifiedOnceADay) {
  const auto verified_at = [&] { return wiring_->ledger().view()->verification; };
  wiring_->verify_ledger_when_due();
  const auto first = run_of("ledger", "evidence_verify");
  ASSERT_TRUE(first);
  EXPECT_EQ(end_of(*first), RunState::succeeded);
  ASSERT_TRUE(verified_at());
  EXPECT_EQ(verified_at()->result, Verdict::passed);
  earlier_.clock.advance(23h);
  wiring_->verify_ledger_when_due();
  EXPECT_EQ(run_of("ledger", "evidence_verify"), first);
  earlier_.clock.advance(1h);
  wiring_->verify_ledger_when_due();
  const auto second = run_of("ledger", "evidence_verify");
  EXPECT_NE(second, first);
  EXPECT_EQ(end_of(*second), RunState::succeeded);
  EXPECT_EQ(verified_at()->at, earlier_.clock.now());
}

TEST_F(WiringTest, ADamagedLedgerLeavesAFailedEntryBehindTheDamage) {
  const platform::Path current = folder_ / "state" / "ledger" / "ledger.jsonl";
  ASSERT_TRUE(reload());
  auto text = *platform::read_file(platform::real_file_system(), current, 1_MiB);
  text.replace(text.find("\"passed\""), 8, "\"failed\"");
  ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), current, text));
  wiring_->verify_ledger_when_due();
  EXPECT_EQ(end_of(*run_of("ledger", "evidence_verify")), RunState::failed);
  const auto view = wiring_->ledger().view();
  EXPECT_TRUE(view->damaged());
  ASSERT_TRUE(view->verification);
  EXPECT_EQ(view->verification->result, Verdict::failed);
  EXPECT_EQ(view->segments.size(), 2U);
}

TEST_F(WiringTest, OneScrubIsAtWorkAtATime) {
  const RunId first = submit(stand_in("nightly", "scrub", {}));
  started_.take();
  earlier_.clock.advance(std::chrono::days(9));
  wiring_->look_around({});
  EXPECT_FALSE(view_of("nightly", "scrub")->queued);
  let_go_.put(true);
  EXPECT_EQ(end_of(first), RunState::succeeded);
  wiring_->look_around({});
  const auto after = view_of("nightly", "scrub");
  EXPECT_TRUE(after->queued || after->running || after->last_attempt->id != first) << "one was due";
}

// However long they take.
TEST_F(WiringTest, CopiesShareNoClaimWithTheBackupsOfTheirJob) {
  copy_offsite();
  const config::BackupJob job = *wiring_->config()->backup("nightly");
  const auto copy = wiring_->copy_request(job);
  const auto backup = wiring_->backup_request(job, {}, {});
  EXPECT_EQ(copy.claims, (std::vector<std::string>{"copy:offsite", "copies:0"}));
  for (const std::string& one : copy.claims)
    EXPECT_EQ(std::ranges::count(backup.claims, one), 0) << one;
  EXPECT_GE(copy.timeout, 24h);
}

TEST_F(WiringTest, DrillsRunBesideBackupsAndOneAfterAnother) {
  look_at_database();
  EXPECT_TRUE(may_overlap(drill_request(0), backup_request()));
  EXPECT_FALSE(may_overlap(drill_request(0), drill_request(1)));
}

TEST_F(WiringTest, NothingIsAtWorkWhereAServerIsInterrupted) {
  look_at_database();
  const auto fault = durability_request("hurts");
  const auto amcheck = wiring_->amcheck_request(*wiring_->config()->amcheck("app"));
  for (const jobs::RunRequest& other :
       {backup_request(), drill_request(0), amcheck, durability_request("hurts")})
    EXPECT_FALSE(may_overlap(fault, other)) << other.kind;
  EXPECT_TRUE(durability_request("watches").claims.empty());
}

TEST_F(WiringTest, IntoOneStoreOneCopiesAtATimeAndNoneWaits) {
  copy_offsite();
  const RunId other = submit(stand_in("weekly", "copy", {"copy:offsite"}));
  started_.take();
  wiring_->look_around({});
  EXPECT_EQ(wiring_->backups().copies().due(), std::vector<std::string>{"nightly"});
  EXPECT_FALSE(run_of("nightly", "copy"));
  let_go_.put(true);
  EXPECT_EQ(end_of(other), RunState::succeeded);
  wiring_->look_around({});
  const auto own = run_of("nightly", "copy");
  ASSERT_TRUE(own);
  EXPECT_EQ(end_of(*own), RunState::succeeded);
  EXPECT_TRUE(wiring_->backups().copies().due().empty());
}

TEST_F(WiringTest, MoreThanTwoCopiesLeaveTheWorkersToBackups) {
  copy_offsite();
  const RunId first = submit(stand_in("weekly", "copy", {"copy:a"}));
  const RunId second = submit(stand_in("monthly", "copy", {"copy:b"}));
  started_.take();
  started_.take();
  wiring_->look_around({});
  EXPECT_FALSE(run_of("nightly", "copy"));
  let_go_.put(true);
  let_go_.put(true);
  EXPECT_EQ(end_of(first), RunState::succeeded);
  EXPECT_EQ(end_of(second), RunState::succeeded);
}

TEST_F(WiringTest, APruneOfAllJobsLetsOthersByAndStartsAtLast) {
  submit(stand_in("nightly", "backup", {"job:nightly"}));
  started_.take();
  const RunId all = submit(wiring_->prune_request(std::nullopt));
  let_go_.put(true);
  EXPECT_EQ(end_of(all), RunState::succeeded);
  EXPECT_TRUE(wiring_->prune_request(std::nullopt).lets_others_by);
  EXPECT_FALSE(wiring_->prune_request("nightly").lets_others_by);
}

TEST_F(WiringTest, WhatOnlyARestartAppliesIsToldUntilItIsAsItWas) {
  for (const char* part : {"server", "state", "server, state"}) {
    const std::string names(part);
    write(names.starts_with("server") ? "server: {metrics_open: true}" : "",
          names.ends_with("state") ? "moved" : "state");
    ASSERT_TRUE(reload());
    EXPECT_EQ(configuration(), "warn restart_needed") << part;
    const json::object entry = reload_entry();
    EXPECT_EQ(entry.at("result").as_string(), "passed");
    ASSERT_EQ(entry.at("deviations").as_array().size(), 1U);
    EXPECT_TRUE(entry.at("deviations").at(0).as_string().starts_with(names + ": "));
  }
  EXPECT_FALSE(logged("config.restart").empty());
  write("# as it was");
  ASSERT_TRUE(reload());
  EXPECT_EQ(configuration(), "pass ok");
  EXPECT_TRUE(reload_entry().at("deviations").as_array().empty());
  EXPECT_FALSE(logged("config.reloaded").empty());
}

TEST_F(WiringTest, ARefusedReloadHasOneCodeInLogStatusAndEvidence) {
  write("nonsense: 1");
  const auto refused = reload();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::config_reload_failed);
  EXPECT_EQ(configuration(), "warn config_reload_failed");
  EXPECT_EQ(reload_entry().at("error_code").as_string(), "config_reload_failed");
  EXPECT_EQ(logged("config.refused").at("error_code").as_string(), "config_reload_failed");
}

TEST_F(WiringTest, WhatAReloadCouldNotTakeIsInStatusUntilOneIsTakenWhole) {
  std::optional<Error> refusal = Error(ErrorCode::tls_files);
  wiring_->on_reload([&]() -> Result<> {
    if (refusal) return fail(*refusal);
    return {};
  });
  const auto refused = reload();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::tls_files);
  EXPECT_EQ(configuration(), "warn tls_files");
  EXPECT_EQ(reload_entry().at("error_code").as_string(), "tls_files");
  refusal.reset();
  ASSERT_TRUE(reload());
  EXPECT_EQ(configuration(), "pass ok");
}

TEST_F(WiringTest, TheReloadThatReadTheFileLastIsInForce) {
  files_.hold();
  std::jthread first([&] { EXPECT_TRUE(reload()); });
  files_.opened.take();
  write("# newer");
  auto second = std::async(std::launch::async, [&] { return reload().has_value(); });
  // It waits for the first one; if it did not, it would be done by now.
  EXPECT_EQ(second.wait_for(300ms), std::future_status::timeout);
  files_.go_on.put(true);
  EXPECT_TRUE(second.get());
  first.join();
  EXPECT_EQ(wiring_->config()->sha256, in_file());
}

}  // namespace
}  // namespace vigie::daemon
