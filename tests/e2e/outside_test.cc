// What the world outside is told by a real daemon over a real PostgreSQL: answers as docs/formats/
// says, and the pings of each run.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>

#include "base/json.h"
#include "tests/support/documents.h"
#include "tests/support/http_imposter.h"
#include "tests/support/pg_cluster.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

class OutsideTest : public ::testing::Test {
 protected:
  OutsideTest() {
    server_.execute("CREATE TABLE a AS SELECT g FROM generate_series(1, 100) g");
    configure(server_.dsn());
  }

  void configure(const std::string& dsn) {
    host_.write("ping", watch_.url("/uuid") + "\n");
    host_.configure(dsn, {"jobs: 1", "schedule: \"0 2 * * *\"",
                          "ping_url_file: " + (host_.folder() / "ping").string()});
  }
  // A dump that waits for its lock until `blocker_` ends.
  std::string start_a_dump() {
    blocker_ = server_.lock_table("a");
    const std::string run = host_.start_run();
    EXPECT_TRUE(server_.somebody_waits()) << host_.log();
    return run;
  }
  void cancel(const std::string& run, const std::string& correlation) {
    const auto said = host_.ask("/v1/runs/" + run, "DELETE", R"({"reason":"wrong database"})",
                                {{"X-Correlation-Id", correlation}});
    EXPECT_EQ(said.status, 202) << said.body;
    EXPECT_TRUE(eventually([&] { return host_.state_of(run) == "cancelled"; }, 60s));
    blocker_.reset();
  }
  std::string back_up() {
    const std::string run = host_.start_run();
    EXPECT_TRUE(eventually([&] { return host_.state_of(run) == "succeeded"; }, 60s)) << host_.log();
    return run;
  }
  // The paths that were asked for since the last call.
  std::vector<std::string> pings() {
    std::vector<std::string> paths;
    const auto all = watch_.requests();
    for (; pings_seen_ < all.size(); ++pings_seen_) {
      const std::string& request = all[pings_seen_];
      const size_t path = request.find(' ') + 1;
      paths.push_back(request.substr(path, request.find(' ', path) - path));
    }
    return paths;
  }
  void expect(Documents& documents, std::string_view schema, const std::string& target) {
    const auto said = host_.ask(target);
    EXPECT_EQ(said.status, 200) << target;
    documents.expect(schema.ends_with(".json") ? schema : Documents::component(schema), said.body);
  }

  HttpImposter watch_{[](const std::string&) { return HttpImposter::response(200, "OK"); }};
  size_t pings_seen_ = 0;
  PgCluster server_;
  VigieHost host_;
  std::unique_ptr<platform::PgConnection> blocker_;
};

TEST_F(OutsideTest, EachAnswerIsWhatItsSchemaSays) {
  Documents documents;
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = start_a_dump();
  ASSERT_TRUE(eventually([&] {
    return host_.ask("/v1/runs/" + run).body.find("\"rate_per_s\"") != std::string::npos;
  }));
  expect(documents, "Run", "/v1/runs/" + run);
  expect(documents, "status-1.schema.json", "/backups/status");
  EXPECT_THAT(host_.ask("/backups/status").body, HasSubstr("\"rate_per_s\""));
  cancel(run, "ticket-7");
  expect(documents, "Run", "/v1/runs/" + run);
  const std::string good = back_up();
  EXPECT_THAT(host_.ask("/v1/runs/" + good).body, HasSubstr("\"end_unrecorded_since\":null"));
  for (const auto& id : {run, good, std::string("ticket-7")})
    expect(documents, "Trace", "/v1/trace/" + id);
  expect(documents, "Run", "/v1/runs/" + good);
  expect(documents, "Plan", "/v1/retention/plan");
  expect(documents, "Schedule", "/v1/schedule?next=3");
  expect(documents, "Backups", "/v1/backups");
  expect(documents, "BackupWithManifest", "/v1/backups/" + *host_.stored().begin());
  EXPECT_EQ(documents.mistakes(), "");
}

TEST_F(OutsideTest, EachEntryOfEvidenceIsWhatTheSchemaSays) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  cancel(start_a_dump(), "ticket-7");
  back_up();
  const std::string backup = *host_.stored().begin();
  EXPECT_EQ(host_.run({"backup", "pin", backup, "--reason", "audit"}).status, 0);
  EXPECT_EQ(host_.run({"backup", "verify", backup}).status, 0);
  EXPECT_EQ(host_.run({"backup", "prune"}).status, 0);
  EXPECT_EQ(host_.run({"evidence", "verify"}).status, 0);
  EXPECT_EQ(host_.run({"token", "create", "--scope", "read"}).status, 0);
  EXPECT_EQ(host_.ask("/v1/reload", "POST", "{}").status, 200);
  host_.signal(SIGKILL);
  host_.wait();
  ASSERT_TRUE(host_.serve()) << host_.log();

  Documents documents;
  expect(documents, "EvidencePage", "/v1/evidence?limit=500");
  std::set<std::string> kinds;
  const auto page = parse_json(host_.ask("/v1/evidence?limit=500").body);
  for (const json::value& entry : page->at("items").as_array()) {
    kinds.emplace(entry.at("kind").as_string());
    documents.expect("evidence-1.schema.json", canonical_json(entry));
  }
  EXPECT_THAT(kinds, IsSupersetOf({"backup", "backup_verify", "retention", "hold", "token",
                                   "run_ended", "config_reload", "evidence_verify"}));
  EXPECT_EQ(documents.mistakes(), "");
}

TEST_F(OutsideTest, ACancellationIsFoundByItsOwnCorrelationId) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = start_a_dump();
  cancel(run, "ticket-7");
  const Ran traced = host_.run({"trace", "ticket-7", "-o", "json"});
  EXPECT_EQ(traced.status, 0) << traced.err;
  EXPECT_THAT(traced.out, HasSubstr(run));
  EXPECT_THAT(traced.out, HasSubstr("evidence run_ended"));
}

TEST_F(OutsideTest, ATraceTellsWhoAskedWhatWasDoneAndWhatCameOfIt) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = back_up();
  const Ran traced = host_.run({"trace", run, "-o", "jsonl"});
  EXPECT_EQ(traced.status, 0) << traced.err;
  std::istringstream lines(traced.out);
  std::vector<std::string> times;
  std::set<std::string> kinds;
  for (std::string line; std::getline(lines, line);) {
    const auto item = parse_json(line);
    ASSERT_TRUE(item) << line;
    times.push_back(std::string(item->at("at").as_string()).substr(0, 19));
    kinds.emplace(item->at("what").as_string());
  }
  EXPECT_TRUE(std::ranges::is_sorted(times)) << traced.out;
  EXPECT_THAT(kinds, IsSupersetOf({"request", "run backup", "log step", "log run.ended", "artefact",
                                   "evidence backup"}));
  EXPECT_THAT(traced.out, HasSubstr(*host_.stored().begin()));
  const HttpSaid said = host_.ask("/v1/trace/" + run);
  EXPECT_THAT(said.body, HasSubstr("socket:uid="));
}

TEST_F(OutsideTest, ARunPingsItsStartAndThenHowItEnded) {
  EXPECT_EQ(host_.run({"backup", "run", "nightly"}).status, 0);
  EXPECT_THAT(pings(), ElementsAre("/uuid/start", "/uuid"));
  configure(server_.dsn("missing"));
  EXPECT_NE(host_.run({"backup", "run", "nightly"}).status, 0);
  EXPECT_THAT(pings(), ElementsAre("/uuid/start", "/uuid/fail"));
}

TEST_F(OutsideTest, ACancelledRunPingsThatItFailed) {
  ASSERT_TRUE(host_.serve()) << host_.log();
  const std::string run = start_a_dump();
  EXPECT_THAT(pings(), ElementsAre("/uuid/start"));
  cancel(run, "ticket-7");
  EXPECT_THAT(pings(), ElementsAre("/uuid/fail"));
}

}  // namespace
}  // namespace vigie::testing
