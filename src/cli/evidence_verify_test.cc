// vigie evidence verify, over real ledgers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/ledger.h"
#include "tests/support/cli_program.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using namespace testing;

class EvidenceVerify : public ::testing::Test {
 protected:
  std::unique_ptr<ledger::Ledger> open() {
    return ledger::Ledger::open(platform::real_file_system(), home_, clock_, {16_MiB, {}}).value();
  }
  void write_entries(int count) {
    const auto ledger = open();
    for (int i = 1; i <= count; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  }
  Printed verify(std::vector<const char*> more = {}) {
    std::vector<const char*> words = {"evidence", "verify", "--ledger", home_.c_str()};
    words.insert(words.end(), more.begin(), more.end());
    Scripted program;
    return program.run(words);
  }

  TempFolder folder_;
  const platform::Path home_ = folder_ / "ledger";
  const platform::Path current_ = home_ / "ledger.jsonl";
  FakeClock clock_;
};

TEST_F(EvidenceVerify, OfAWholeLedgerPasses) {
  write_entries(3);
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.out, HasSubstr("3 entries in 1 segment, "));
  EXPECT_THAT(printed.out, HasSubstr("the chain is whole"));
}

TEST_F(EvidenceVerify, OfAFolderWithoutALedgerProvesNothing) {
  ASSERT_TRUE(platform::real_file_system().create_folder(home_));
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 3);
  EXPECT_THAT(printed.out, ::testing::Not(HasSubstr("whole")));
  EXPECT_THAT(printed.words, HasSubstr("There is no ledger in this folder"));
  EXPECT_THAT(verify({"--output", "json"}).out, HasSubstr("\"could_not_verify\""));
}

TEST_F(EvidenceVerify, OfAFolderThatIsNotThereProvesNothing) {
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 3);
  EXPECT_EQ(printed.out, "");
  EXPECT_THAT(printed.words, HasSubstr(home_.string() + " does not exist"));
}

TEST_F(EvidenceVerify, OfALedgerWithoutAnEntryProvesNothing) {
  write_entries(0);
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 3);
  EXPECT_THAT(printed.words, HasSubstr("no entry yet"));
}

TEST_F(EvidenceVerify, TellsWhatWasTorn) {
  write_entries(1);
  write_bytes(current_, bytes_of(current_) + R"({"artefacts":[)");
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.out, HasSubstr("14 B of an entry that never counted"));
}

TEST_F(EvidenceVerify, AcknowledgedDamageIsStillDamage) {
  write_entries(2);
  auto lines = lines_of(current_);
  lines[0][20] = '#';
  write_lines(current_, lines);
  EXPECT_THAT(verify().out, ::testing::Not(HasSubstr("acknowledged")));
  ASSERT_TRUE(open()->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "disk", "T-1"));
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_THAT(printed.out, HasSubstr("the chain is broken"));
  EXPECT_THAT(printed.out, HasSubstr("all of the damage was acknowledged"));
}

}  // namespace
}  // namespace vigie::cli
