#include "daemon/trace.h"

#include <gtest/gtest.h>

#include "daemon/run_evidence.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_folder.h"

namespace vigie::daemon {
namespace {

class Trace : public ::testing::Test {
 protected:
  void append(int entries) {
    for (int i = 0; i < entries; ++i) {
      ledger::Entry entry;
      entry.kind = ledger::kind::kHold;
      entry.started_at = entry.ended_at = clock_.now();
      entry.result = ledger::Outcome::passed;
      entry.trigger = {"human", "token:7", id_, {}};
      ASSERT_TRUE(ledger_->append(entry));
    }
  }
  json::array items() {
    return trace_of(id_, *executor_, *ledger_, {}).value().at("items").as_array();
  }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  CorrelationId id_ = new_correlation_id();
  std::unique_ptr<ledger::Ledger> ledger_ =
      *ledger::Ledger::open(platform::real_file_system(), folder_ / "ledger", clock_);
  std::unique_ptr<jobs::Executor> executor_ =
      *jobs::Executor::open(folder_ / "state.db", clock_, {}, {});
};

TEST_F(Trace, FindsTheEndOfARunThatWasCancelledUnderTheId) {
  jobs::RunRow row;
  row.id = new_run_id();
  row.correlation_id = new_correlation_id();
  row.job = "nightly";
  row.kind = "backup";
  row.state = jobs::RunState::cancelled;
  row.error_code = "cancelled";
  row.created_at = row.ended_at.emplace(clock_.now());
  ASSERT_TRUE(record_end(*ledger_, row, Cancellation{{"human", "token:7"}, id_}));
  const json::array found = items();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].at("what").as_string(), "evidence run_ended");
  EXPECT_EQ(found[0].at("detail").as_string(), "nightly cancelled");
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
  append(1000);
  EXPECT_EQ(items().size(), 1000U);
  append(1);
  const json::array cut = items();
  ASSERT_EQ(cut.size(), 1001U);
  EXPECT_EQ(cut.back().at("what").as_string(), "and more");
}

}  // namespace
}  // namespace vigie::daemon
