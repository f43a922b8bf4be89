// The ledger that verifies itself while it is open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "ledger/ledger.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;
using ::testing::HasSubstr;

class SelfVerify : public ::testing::Test {
 protected:
  SelfVerify() {
    reopen();
    append(3);
  }
  void reopen() {
    ledger_.reset();
    ledger_ = *Ledger::open(platform::real_file_system(), home_, clock_, {16_MiB, {}});
  }
  void append(int count) {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(ledger_->append(backup_entry(++appended_)));
  }
  VerifyReport verify() {
    auto report = ledger_->verify({"schedule", "", CorrelationId("c"), {}});
    EXPECT_TRUE(report);
    return report ? *report : VerifyReport{};
  }
  Result<Recorded> acknowledge() {
    return ledger_->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "seen", "T-1");
  }
  // The last entry of that kind.
  json::object last(std::string kind) {
    Filter filter;
    filter.kind = std::move(kind);
    filter.newest_first = true;
    const auto page = ledger_->page(filter);
    return page && !page->entries.empty() ? page->entries.front() : json::object();
  }
  static void flip(const platform::Path& file, size_t line) {
    auto lines = lines_of(file);
    lines[line].replace(lines[line].find("passed"), 6, "failed");
    write_lines(file, lines);
  }

  TempFolder folder_;
  const platform::Path home_ = folder_ / "ledger";
  const platform::Path current_ = home_ / "ledger.jsonl";
  FakeClock clock_;
  int appended_ = 0;
  std::unique_ptr<Ledger> ledger_;
};

TEST_F(SelfVerify, OfAWholeChainPassesAndLeavesItsEntry) {
  EXPECT_FALSE(ledger_->view()->verification);
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(verify().entries, 3U);
  const auto entry = last("evidence_verify");
  EXPECT_EQ(entry.at("result").as_string(), "passed");
  EXPECT_EQ(entry.at("requirement_ids").at(0).as_string(), "REQ-EVD-1");
  EXPECT_EQ(entry.at("measures").at("entries").to_number<int>(), 3);
  for (int life = 0; life < 2; ++life) {
    const auto seen = ledger_->view()->verification;
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->at, clock_.now());
    EXPECT_EQ(seen->result, Verdict::passed);
    reopen();
  }
}

TEST_F(SelfVerify, FindsDamageThatWasDoneSinceItWasOpened) {
  flip(current_, 1);
  EXPECT_EQ(verify().problem_count, 1U);
  EXPECT_EQ(last("evidence_verify").at("result").as_string(), "failed");
  EXPECT_EQ(last("evidence_verify").at("error_code").as_string(), "ledger_damaged");
  EXPECT_EQ(last("ledger_damage").at("measures").at("segments").as_array().size(), 1U);
  EXPECT_TRUE(ledger_->view()->damaged());
  EXPECT_EQ(ledger_->view()->verification->result, Verdict::failed);
  append(1);
  EXPECT_EQ(ledger::verify(platform::real_file_system(), home_)->problem_count, 1U)
      << "what follows is sound";
}

TEST_F(SelfVerify, DamageIsRecordedOnceAndStandsUntilItIsAcknowledged) {
  flip(current_, 1);
  verify();
  verify();
  reopen();
  Filter filter;
  filter.kind = "ledger_damage";
  EXPECT_EQ(ledger_->page(filter)->entries.size(), 1U);
  EXPECT_EQ(ledger_->view()->verification->result, Verdict::failed);
  EXPECT_FALSE(ledger_->view()->verification->acknowledged);
  ASSERT_TRUE(acknowledge());
  EXPECT_FALSE(ledger_->view()->damaged());
  EXPECT_TRUE(ledger_->view()->verification->acknowledged);
  verify();
  EXPECT_EQ(ledger_->view()->verification->result, Verdict::passed);
  EXPECT_EQ(ledger_->view()->verification->problems, 1U);
  EXPECT_EQ(last("evidence_verify").at("assertions").at(0).at("actual").as_string(),
            "acknowledged");
}

// The chain that is left is sound: only who wrote it knows that there was more.
TEST_F(SelfVerify, FindsAnEndThatWasCutOffWhileItWasOpen) {
  auto lines = lines_of(current_);
  lines.pop_back();
  write_lines(current_, lines);
  std::filesystem::remove(folder_ / "ledger.mark");
  EXPECT_TRUE(ledger::verify(platform::real_file_system(), home_)->good());
  EXPECT_EQ(verify().problem_count, 1U);
  EXPECT_THAT(std::string(last("evidence_verify").at("deviations").at(0).as_string()),
              HasSubstr("entries are missing at its end"));
  ASSERT_TRUE(acknowledge()) << "it was seen";
  EXPECT_TRUE(ledger_->view()->verification->acknowledged);
}

TEST_F(SelfVerify, FindsAnEndThatWasWrittenAnewWhileItWasOpen) {
  const auto other_home = folder_ / "other";
  auto other = *Ledger::open(platform::real_file_system(), other_home, clock_, {16_MiB, {}});
  for (int i = 1; i <= 3; ++i) ASSERT_TRUE(other->append(backup_entry(i)));
  write_bytes(current_, bytes_of(other_home / "ledger.jsonl"));
  std::filesystem::remove(folder_ / "ledger.mark");
  EXPECT_TRUE(ledger::verify(platform::real_file_system(), home_)->good());
  EXPECT_EQ(verify().problem_count, 1U);
  EXPECT_EQ(ledger_->view()->verification->result, Verdict::failed);
}

TEST_F(SelfVerify, OneThatIsStoppedLeavesNoEntry) {
  std::stop_source stop;
  stop.request_stop();
  const auto report = ledger_->verify({"schedule", "", CorrelationId("c"), {}}, stop.get_token());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::cancelled);
  EXPECT_TRUE(last("evidence_verify").empty());
}

TEST_F(SelfVerify, GoesOnBesideAppends) {
  std::jthread writer([&] { append(200); });
  while (ledger_->view()->last_seq < 200) EXPECT_EQ(verify().problem_count, 0U);
}

}  // namespace
}  // namespace vigie::testing
