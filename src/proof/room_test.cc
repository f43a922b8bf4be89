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
  json::object subject(bool rehearsal) {
    DrillOptions options;
    options.name = "weekly";
    evidence::Subject about;
    about.id.job = "nightly";
    about.id.database = "app";
    Work work;
    work.trigger.by = "human";
    EXPECT_TRUE(room_.not_drilled(options, about, rehearsal,
                                  Error(ErrorCode::backup_not_found, {{"backup", "x"}}), work));
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

TEST_F(NotDrilled, OfADrillCountsAsOne) {
  const json::object about = subject(false);
  EXPECT_FALSE(about.contains("rehearsal"));
  EXPECT_EQ(about.at("drill").as_string(), "weekly");
}

// A store that is away says nothing of the backup.
TEST_F(NotDrilled, SpeaksAgainstTheBackupOnlyForWhatWasFoundInIt) {
  const auto result_of = [this](ErrorCode code) {
    DrillOptions options;
    Work work;
    work.trigger.by = "human";
    EXPECT_TRUE(room_.not_drilled(options, {}, false, Error(code), work));
    return recorded_.result;
  };
  for (const ErrorCode code : {ErrorCode::store_unreachable, ErrorCode::disk_full,
                               ErrorCode::deadline_exceeded, ErrorCode::database_unreachable})
    EXPECT_EQ(result_of(code), ledger::Outcome::could_not_verify);
  EXPECT_EQ(result_of(ErrorCode::artefact_hash), ledger::Outcome::failed);
  EXPECT_EQ(result_of(ErrorCode::drill_canary), ledger::Outcome::could_not_verify);
}

}  // namespace
}  // namespace vigie::proof
