// What the room leaves in the ledger.
#include "proof/room.h"

#include <gtest/gtest.h>

#include "platform/http_client.h"
#include "platform/postgres.h"
#include "tests/support/fake_clock.h"

namespace vigie::proof {
namespace {

class NotDrilled : public ::testing::Test {
 protected:
  ledger::Outcome drill_ended_by(ErrorCode code) {
    EXPECT_TRUE(room_.not_drilled({}, {}, false, Error(code), work()));
    return recorded_.result;
  }
  ledger::Outcome restore_ended_by(ErrorCode code) {
    EXPECT_TRUE(room_.not_restored({}, Error(code), work()));
    return recorded_.result;
  }
  static Work work() {
    Work work;
    work.trigger.by = "human";
    return work;
  }
  json::object subject(bool rehearsal) {
    DrillOptions options;
    options.name = "weekly";
    evidence::Subject about;
    about.id.job = "nightly";
    about.id.database = "app";
    EXPECT_TRUE(room_.not_drilled(options, about, rehearsal,
                                  Error(ErrorCode::backup_not_found, {{"backup", "x"}}), work()));
    return recorded_.subject;
  }

  testing::FakeClock clock_;
  std::unique_ptr<platform::ProcessRunner> processes_ = platform::make_process_runner();
  std::unique_ptr<platform::PgConnector> postgres_ = platform::make_pg_connector();
  ledger::Entry recorded_;
  std::unique_ptr<platform::HttpClient> http_ = platform::make_http_client(1);
  ProofRoom room_{{platform::real_file_system(), *processes_, *postgres_, clock_},
                  *http_,
                  [this](const ledger::Entry& entry) -> Result<ledger::Recorded> {
                    recorded_ = entry;
                    return ledger::Recorded{1, std::string(32, 'a'), std::string(64, 'b')};
                  }};
};

TEST_F(NotDrilled, OfARehearsalSaysThatItWasOne) {
  EXPECT_EQ(subject(true).at("rehearsal"), json::value(true));
}

TEST_F(NotDrilled, OfARehearsalIsKeptApartFromTheDrills) {
  subject(true);
  EXPECT_EQ(room_.view()->newest("weekly", "app"), nullptr);
  ASSERT_NE(room_.view()->newest_rehearsal("weekly", "app"), nullptr);
  subject(false);
  EXPECT_NE(room_.view()->newest("weekly", "app"), nullptr);
  EXPECT_EQ(room_.view()->rehearsals.size(), 1u);
}

TEST_F(NotDrilled, OfADrillCountsAsOne) {
  const json::object about = subject(false);
  EXPECT_FALSE(about.contains("rehearsal"));
  EXPECT_EQ(about.at("drill").as_string(), "weekly");
}

// A store or a server that is away says nothing of the backup.
constexpr ErrorCode kSaysNothing[] = {ErrorCode::store_unreachable, ErrorCode::disk_full,
                                      ErrorCode::deadline_exceeded, ErrorCode::database_unreachable,
                                      ErrorCode::restore_left_behind};

TEST_F(NotDrilled, SpeaksAgainstTheBackupOnlyForWhatWasFoundInIt) {
  for (const ErrorCode code : kSaysNothing)
    EXPECT_EQ(drill_ended_by(code), ledger::Outcome::could_not_verify) << error_info(code).name;
  EXPECT_EQ(drill_ended_by(ErrorCode::artefact_hash), ledger::Outcome::failed);
  EXPECT_EQ(drill_ended_by(ErrorCode::drill_canary), ledger::Outcome::could_not_verify);
}

TEST_F(NotDrilled, ARestoreForRealIsJudgedAsADrillIs) {
  for (const ErrorCode code : kSaysNothing)
    EXPECT_EQ(restore_ended_by(code), ledger::Outcome::could_not_verify) << error_info(code).name;
  for (const ErrorCode code : {ErrorCode::artefact_hash, ErrorCode::restore_rows_differ})
    EXPECT_EQ(restore_ended_by(code), ledger::Outcome::failed) << error_info(code).name;
}

}  // namespace
}  // namespace vigie::proof
