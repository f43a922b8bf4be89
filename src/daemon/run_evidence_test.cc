#include "daemon/run_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::daemon {
namespace {

using jobs::RunRow;
using jobs::RunState;
using ::testing::ElementsAre;

class RunEvidence : public ::testing::Test {
 protected:
  RunEvidence() {
    row_.id = new_run_id();
    row_.job = "nightly";
    row_.kind = "backup";
    row_.correlation_id = new_correlation_id();
    row_.created_at = clock_.now();
    row_.ended_at = clock_.now();
    row_.state = RunState::succeeded;
  }

  void ended(RunState state, const Error& error) {
    row_.state = state;
    row_.error_code = error.info().name;
    row_.error_parameters = error.parameters();
  }
  void interrupted() {
    row_.started_at = row_.created_at;
    ended(RunState::interrupted,
          Error(ErrorCode::run_interrupted, {{"run", row_.id.str()}, {"reason", "it ended"}}));
  }
  void part(std::string_view kind, const std::optional<Error>& error = {}) {
    ledger::Entry entry;
    entry.kind = kind;
    entry.started_at = entry.ended_at = clock_.now();
    entry.result = ledger::Outcome::passed;
    if (error) entry.ended_with(*error);
    entry.trigger = {"schedule", "", row_.correlation_id, row_.id};
    ASSERT_TRUE(ledger_->append(entry));
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> all;
    EXPECT_TRUE(ledger_->for_each({}, [&](const json::object& entry) {
      all.emplace_back(entry.at("kind").as_string());
      last_ = entry;
      return true;
    }));
    return all;
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  std::unique_ptr<ledger::Ledger> ledger_ =
      *ledger::Ledger::open(platform::real_file_system(), folder_ / "ledger", clock_);
  RunRow row_;
  json::object last_;
};

TEST_F(RunEvidence, WhatAPartTellsIsNotToldAgain) {
  part(ledger::kind::kBackup);
  ASSERT_TRUE(record_end(*ledger_, row_));
  EXPECT_THAT(kinds(), ElementsAre("backup"));
}

TEST_F(RunEvidence, AnEndThatNoPartTellsHasOneEntry) {
  part(ledger::kind::kBackup);
  ended(RunState::failed, Error(ErrorCode::deadline_exceeded, {{"name", "nightly"}}));
  ASSERT_TRUE(record_end(*ledger_, row_));
  ASSERT_TRUE(record_end(*ledger_, row_));
  EXPECT_THAT(kinds(), ElementsAre("backup", "run_ended"));
  EXPECT_EQ(last_.at("result").as_string(), "failed");
  EXPECT_EQ(last_.at("error_code").as_string(), "deadline_exceeded");
}

TEST_F(RunEvidence, AnotherRunOfTheSameChainDoesNotSpeakForIt) {
  part(ledger::kind::kBackup);
  row_.id = new_run_id();
  ASSERT_TRUE(record_end(*ledger_, row_));
  EXPECT_THAT(kinds(), ElementsAre("backup", "run_ended"));
}

TEST_F(RunEvidence, ARunThatWasCalledOffBeforeItBeganIsSkipped) {
  row_.trigger = {"human", "token:7", "wrong job", "T-1"};
  ended(RunState::cancelled, Error(ErrorCode::cancelled, {{"reason", "asked for"}}));
  ASSERT_TRUE(record_end(*ledger_, row_));
  EXPECT_THAT(kinds(), ElementsAre("run_ended"));
  EXPECT_EQ(last_.at("result").as_string(), "skipped");
  EXPECT_EQ(last_.at("trigger").at("run_id").as_string(), std::string_view(row_.id.str()));
}

TEST_F(RunEvidence, ACancelledRunTellsWhoCancelledItEvenWhenAPartToldThatItWas) {
  const Error error(ErrorCode::cancelled, {{"reason", "asked for"}});
  part(ledger::kind::kBackup, error);
  ended(RunState::cancelled, error);
  const Cancellation cancelled{{"human", "token:7", "wrong database", "T-2"},
                               CorrelationId("ticket-2")};
  ASSERT_TRUE(record_end(*ledger_, row_, cancelled));
  ASSERT_TRUE(record_end(*ledger_, row_, cancelled));
  EXPECT_THAT(kinds(), ElementsAre("backup", "run_ended"));
  const json::object& subject = last_.at("subject").as_object();
  EXPECT_EQ(subject.at("cancelled_by").as_string(), "token:7");
  EXPECT_EQ(subject.at("cancel_reason").as_string(), "wrong database");
  EXPECT_EQ(subject.at("cancel_ref").as_string(), "T-2");
  EXPECT_EQ(subject.at("cancel_correlation_id").as_string(), "ticket-2");
  EXPECT_EQ(last_.at("trigger").at("correlation_id").as_string(),
            std::string_view(row_.correlation_id.str()));
}

TEST_F(RunEvidence, ARunThatEndedBeforeItsCancellationWasNotCancelled) {
  part(ledger::kind::kBackup);
  ASSERT_TRUE(record_end(*ledger_, row_, Cancellation{{"human", "token:7"}}));
  EXPECT_THAT(kinds(), ElementsAre("backup"));
}

TEST_F(RunEvidence, AMissedWindowIsAMissedRun) {
  row_.due_at = row_.created_at;
  ended(RunState::failed, Error(ErrorCode::missed_run, {{"job", "nightly"}, {"reason", "late"}}));
  ASSERT_TRUE(record_end(*ledger_, row_));
  EXPECT_THAT(kinds(), ElementsAre("missed_run"));
  EXPECT_EQ(last_.at("subject").at("reason").as_string(), "window");
}

TEST_F(RunEvidence, ADeadRunIsRecordedOnceHoweverOftenItIsFound) {
  part(ledger::kind::kBackup);
  interrupted();
  for (int start = 0; start < 3; ++start) {
    RunRow found = row_;
    ASSERT_TRUE(record_found(*ledger_, found));
    EXPECT_EQ(found.state, RunState::interrupted);
  }
  EXPECT_THAT(kinds(), ElementsAre("backup", "interrupted"));
}

TEST_F(RunEvidence, AnEndThatWasRecordedBeforeTheCrashIsTheRows) {
  ended(RunState::cancelled, Error(ErrorCode::cancelled, {{"reason", "asked for"}}));
  ASSERT_TRUE(record_end(*ledger_, row_));
  interrupted();
  ASSERT_TRUE(record_found(*ledger_, row_));
  EXPECT_EQ(row_.state, RunState::cancelled);
  EXPECT_EQ(row_.error_code, "cancelled");
  EXPECT_THAT(kinds(), ElementsAre("run_ended"));
}

TEST_F(RunEvidence, AVerificationThatWasRecordedBeforeTheCrashIsTheRows) {
  row_.kind = "scrub";
  part(ledger::kind::kBackupVerify, Error(ErrorCode::artefact_hash, {{"backup", "b"}}));
  interrupted();
  ASSERT_TRUE(record_found(*ledger_, row_));
  EXPECT_EQ(row_.state, RunState::failed);
  EXPECT_EQ(row_.error_code, "artefact_hash");
  EXPECT_THAT(kinds(), ElementsAre("backup_verify"));
}

}  // namespace
}  // namespace vigie::daemon
