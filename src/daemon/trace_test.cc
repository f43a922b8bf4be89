#include "daemon/trace.h"

#include <gtest/gtest.h>

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
  json::array items() { return trace_of(id_, *executor_, *ledger_, {})->at("items").as_array(); }

  testing::TempFolder folder_;
  testing::FakeClock clock_;
  CorrelationId id_ = new_correlation_id();
  std::unique_ptr<ledger::Ledger> ledger_ =
      *ledger::Ledger::open(platform::real_file_system(), folder_ / "ledger", clock_);
  std::unique_ptr<jobs::Executor> executor_ =
      *jobs::Executor::open(folder_ / "state.db", clock_, {}, {});
};

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
