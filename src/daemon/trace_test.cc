#include "daemon/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/run_evidence.h"
#include "jobs/run_logs.h"
#include "platform/log.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::daemon {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Trace : public ::testing::Test {
 protected:
  ledger::Entry entry_at(SystemTime at) {
    ledger::Entry entry;
    entry.kind = ledger::kind::kBackup;
    entry.started_at = entry.ended_at = at;
    entry.result = ledger::Outcome::passed;
    entry.trigger = {"schedule", "", id_, {}};
    return entry;
  }
  void append(const ledger::Entry& entry) { ASSERT_TRUE(ledger_->append(entry)); }

  // A backup that somebody asked for: what it logs and its entry are a second apart.
  jobs::RunRow backed_up() {
    jobs::RunRequest request;
    request.job = "nightly";
    request.kind = "backup";
    request.trigger = {"human", "token:7", "before the upgrade", "OPS-12"};
    request.correlation_id = id_;
    request.work = [this](jobs::RunContext& context) {
      clock_.advance(1s);
      logs_.write(context.id(), platform::LogLevel::info, "step", "dump", {{"subject", "app"}});
      clock_.advance(1s);
      ledger::Entry entry = entry_at(clock_.now());
      entry.trigger = {"human", "token:7", id_, context.id()};
      entry.subject = {{"job", "nightly"}, {"backup", "nightly.app-1"}, {"store", "local"}};
      entry.artefacts = {{"nightly.app-1", "", {}}};
      append(entry);
      clock_.advance(1s);
      logs_.write(context.id(), platform::LogLevel::error, "program", "it failed",
                  {{"program", "psql"}, {"status", 1}});
      return jobs::RunOutcome::succeeded();
    };
    return *executor_->wait(executor_->submit(std::move(request))->id, {});
  }

  json::array items(Audience audience = Audience::operators) {
    const TraceSources sources{*executor_, *ledger_, files_, folder_.path(), audience};
    return trace_of(id_, sources, {}).value().at("items").as_array();
  }
  static std::vector<std::string> each(const json::array& items, std::string_view key) {
    std::vector<std::string> all;
    for (const json::value& one : items) all.emplace_back(one.at(key).as_string());
    return all;
  }

  platform::FileSystem& files_ = platform::real_file_system();
  testing::TempFolder folder_;
  testing::FakeClock clock_;
  CorrelationId id_ = new_correlation_id();
  platform::Scrubber scrubber_;
  jobs::RunLogs logs_{files_, folder_ / "runs", clock_, scrubber_};
  std::unique_ptr<ledger::Ledger> ledger_ =
      *ledger::Ledger::open(files_, folder_ / "ledger", clock_);
  std::unique_ptr<jobs::Executor> executor_ =
      *jobs::Executor::open(folder_ / "state.db", clock_, {}, {});
};

TEST_F(Trace, TellsRequestRunLogArtefactAndEvidenceInOrderOfTime) {
  const jobs::RunRow row = backed_up();
  const json::array found = items();
  EXPECT_THAT(each(found, "what"), ElementsAre("request", "run backup", "log step", "artefact",
                                               "evidence backup", "log program"));
  ASSERT_EQ(found.size(), 6U);
  EXPECT_THAT(
      each(found, "detail"),
      ElementsAre("human token:7: before the upgrade (OPS-12)", "nightly", "dump; subject app",
                  "backup, store local", "nightly.app-1", "it failed; program psql; status 1"));
  EXPECT_EQ(found[2].at("id").as_string(), row.id.str());
  EXPECT_EQ(found[3].at("id").as_string(), "nightly.app-1");
  EXPECT_EQ(found[3].at("result").as_string(), "passed");
  EXPECT_EQ(found[5].at("result").as_string(), "error");
}

TEST_F(Trace, ShowsLogsToNobodyButOperators) {
  backed_up();
  EXPECT_THAT(each(items(Audience::everybody), "what"),
              ElementsAre("request", "run backup", "artefact", "evidence backup"));
}

TEST_F(Trace, AClockThatWentBackChangesTheOrder) {
  const SystemTime noon = clock_.now() + 12h;
  for (const Duration later : {Duration(2s), Duration(500ms), Duration(0s)})
    append(entry_at(noon + later));
  EXPECT_THAT(
      each(items(), "at"),
      ElementsAre("2026-11-20T12:00:00Z", "2026-11-20T12:00:00.500000Z", "2026-11-20T12:00:02Z"));
}

TEST_F(Trace, TellsWhoAskedForAnActThatIsNoRun) {
  ledger::Entry entry = entry_at(clock_.now());
  entry.kind = ledger::kind::kHold;
  entry.trigger = {"human", "socket:uid=0", id_, {}};
  entry.reason = "audit";
  append(entry);
  append(entry);
  const json::array found = items();
  EXPECT_THAT(each(found, "what"), ElementsAre("request", "evidence hold", "evidence hold"));
  EXPECT_EQ(found[0].at("detail").as_string(), "human socket:uid=0: audit");
}

TEST_F(Trace, NamesTheDrill) {
  ledger::Entry entry = entry_at(clock_.now());
  entry.kind = ledger::kind::kRestoreDrill;
  entry.subject = {{"job", "nightly"}, {"backup", "nightly.app-1"}, {"drill", "weekly"}};
  append(entry);
  EXPECT_THAT(each(items(), "detail"), ElementsAre("drill weekly: nightly.app-1"));
}

TEST_F(Trace, OfALongLogTheLastLinesAreThere) {
  jobs::RunRequest request;
  request.kind = "backup";
  request.correlation_id = id_;
  request.work = [this](jobs::RunContext& context) {
    for (int i = 1; i <= 600; ++i)
      logs_.write(context.id(), platform::LogLevel::info, "step", std::to_string(i));
    return jobs::RunOutcome::succeeded();
  };
  ASSERT_TRUE(executor_->wait(executor_->submit(std::move(request))->id, {}));
  const json::array found = items();
  ASSERT_EQ(found.size(), 503U);
  EXPECT_EQ(found[2].at("what").as_string(), "log and more");
  EXPECT_THAT(std::string(found[2].at("detail").as_string()), HasSubstr("100 lines"));
  EXPECT_EQ(found[3].at("detail").as_string(), "101");
  EXPECT_EQ(found[502].at("detail").as_string(), "600");
}

TEST_F(Trace, ARunThatTheStateHasForgottenIsToldByItsEntryAndItsLog) {
  ledger::Entry entry = entry_at(clock_.now() + 1s);
  entry.started_at = clock_.now();
  entry.trigger.run_id = new_run_id();
  append(entry);
  logs_.write(entry.trigger.run_id, platform::LogLevel::info, "step", "dump");
  EXPECT_THAT(each(items(), "what"), ElementsAre("log step", "evidence backup"));
}

TEST_F(Trace, ALineThatIsNoneIsSaid) {
  const jobs::RunRow row = backed_up();
  const auto log = files_.open_append(folder_ / "runs" / row.id.str() / "log.jsonl", 0600);
  ASSERT_TRUE(log && (*log)->append(as_bytes("{\"torn\n")));
  EXPECT_EQ(items().back().at("detail").as_string(), "no line of a log");
}

TEST_F(Trace, FindsTheEndOfARunThatWasCancelledUnderTheId) {
  jobs::RunRow row;
  row.id = new_run_id();
  row.correlation_id = new_correlation_id();
  row.job = "nightly";
  row.kind = "backup";
  row.state = jobs::RunState::cancelled;
  row.error_code = "cancelled";
  row.created_at = row.ended_at.emplace(clock_.now());
  const Cancellation cancelled{{"human", "token:7", "wrong database"}, id_};
  ASSERT_TRUE(record_end(*ledger_, row, cancelled));
  const json::array found = items();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].at("what").as_string(), "evidence run_ended");
  EXPECT_EQ(found[0].at("detail").as_string(), "nightly cancelled, by token:7: wrong database");
  id_ = row.correlation_id;
  EXPECT_EQ(items().size(), 1U) << "it is of its own chain as well";
}

TEST_F(Trace, AnEndThatWasCancelledUnderItsOwnIdIsThereOnce) {
  jobs::RunRow row;
  row.id = new_run_id();
  row.correlation_id = id_;
  row.state = jobs::RunState::cancelled;
  row.created_at = row.ended_at.emplace(clock_.now());
  ASSERT_TRUE(record_end(*ledger_, row, Cancellation{{"human", "token:7"}, id_}));
  EXPECT_EQ(items().size(), 1U);
}

TEST_F(Trace, TellsThatItWasCut) {
  ledger::Entry entry = entry_at(clock_.now());
  for (int i = 1; i <= 99; ++i) entry.artefacts.push_back({std::to_string(i), "", {}});
  for (int i = 1; i <= 20; ++i) append(entry);
  EXPECT_EQ(items().size(), 2000U);
  entry.artefacts.clear();
  append(entry);
  const json::array cut = items();
  ASSERT_EQ(cut.size(), 2001U);
  EXPECT_EQ(cut.back().at("what").as_string(), "and more");
}

}  // namespace
}  // namespace vigie::daemon
