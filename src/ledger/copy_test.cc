// A copy of the ledger in a folder elsewhere.
#include "ledger/copy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ledger/signed_verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

// Segments of four entries or so.
constexpr LedgerOptions kSmall{3_KiB, {}};

// A ledger on a sound disk, and a folder beside it on one that can fail.
struct Copied {
  explicit Copied(const std::string& name = "copy") : files(folder / name) { open(); }

  void open() {
    ledger = *Ledger::open(platform::real_file_system(), home, clock, kSmall);
    checkpoints.emplace(platform::real_file_system(), home, clock);
    EXPECT_TRUE(checkpoints->open());
  }
  void grow(int entries) {
    for (int i = 0; i < entries; ++i) EXPECT_TRUE(ledger->append(backup_entry(++number)));
    EXPECT_TRUE(checkpoints->make(*ledger->view()));
  }
  Result<> update() { return copy.update(*ledger, *checkpoints, {}); }
  SignedReport verify() {
    const auto key = *read_public_key(platform::real_file_system(), folder / "state/ledger.pub");
    auto report = verify_signed(files, place_of(files, folder / "copy"), key);
    EXPECT_TRUE(report);
    return report ? std::move(*report) : SignedReport();
  }

  TempFolder folder;
  platform::Path home = [this] {
    std::filesystem::create_directories(folder / "state");
    return folder / "state" / "ledger";
  }();
  FakeClock clock;
  FaultyFileSystem files;
  std::unique_ptr<Ledger> ledger;
  std::optional<Checkpoints> checkpoints;
  LedgerCopy copy{files, home, folder / "copy", clock};
  int number = 0;
};

TEST(LedgerCopyTest, GrowsWithTheLedgerOverItsSegments) {
  Copied at;
  for (int round = 1; round <= 5; ++round) {
    at.grow(3);
    const auto updated = at.update();
    ASSERT_TRUE(updated) << updated.error().detail(Audience::operators);
    const SignedReport report = at.verify();
    EXPECT_EQ(report.verdict(), Verdict::passed);
    EXPECT_EQ(report.ledger.last_seq, at.ledger->view()->last_seq);
    EXPECT_EQ(report.checkpoints.newest.size, report.ledger.last_seq);
  }
  EXPECT_GT(at.ledger->view()->segments.size(), 3U);
  EXPECT_EQ(at.copy.standing().view.reason, "");
  EXPECT_EQ(at.copy.standing().view.size, 15U);
}

TEST(LedgerCopyTest, DoesNothingWhenNothingIsNew) {
  Copied at;
  at.grow(6);
  ASSERT_TRUE(at.update());
  const size_t calls = at.files.calls();
  ASSERT_TRUE(at.update());
  EXPECT_LE(at.files.calls(), calls + 2) << "the folder, and its sync";
}

TEST(LedgerCopyTest, AFolderThatIsNotThereIsNotMade) {
  Copied at;
  at.grow(1);
  std::filesystem::remove_all(at.folder / "copy");
  EXPECT_FALSE(at.update());
  EXPECT_EQ(at.copy.standing().view.reason, "copy_missing");
  EXPECT_FALSE(std::filesystem::exists(at.folder / "copy"));
  std::filesystem::create_directory(at.folder / "copy");
  EXPECT_TRUE(at.update());
  EXPECT_EQ(at.copy.standing().view.reason, "");
}

TEST(LedgerCopyTest, AnotherHistoryIsLeftAsItIs) {
  Copied at;
  at.grow(2);
  ASSERT_TRUE(at.update());
  const auto current = at.folder / "copy/ledger/ledger.jsonl";
  auto lines = lines_of(current);
  lines[0][30] ^= 1;
  write_lines(current, lines);
  const std::string before = bytes_of(current);
  at.grow(2);
  const auto updated = at.update();
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code(), ErrorCode::checkpoint_invalid);
  EXPECT_EQ(at.copy.standing().view.reason, "copy_differs");
  EXPECT_EQ(bytes_of(current), before);
}

// Else every copy would hold the same damage, and none would be left to mend it from.
TEST(LedgerCopyTest, ADamagedCheckpointIsNotCopiedAndEntriesAre) {
  Copied at;
  at.grow(2);
  ASSERT_TRUE(at.update());
  at.grow(2);
  const auto own = at.folder / "state/checkpoints.jsonl";
  auto lines = lines_of(own);
  lines.back()[30] ^= 1;
  write_lines(own, lines);
  at.ledger.reset();
  at.ledger = *Ledger::open(platform::real_file_system(), at.home, at.clock, kSmall);
  at.checkpoints.emplace(platform::real_file_system(), at.home, at.clock);
  EXPECT_FALSE(at.checkpoints->open());
  at.grow(1);
  const auto updated = at.update();
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code(), ErrorCode::checkpoint_invalid);
  EXPECT_EQ(at.copy.standing().view.reason, "checkpoints_damaged");
  const SignedReport report = at.verify();
  EXPECT_EQ(report.verdict(), Verdict::passed);
  EXPECT_EQ(report.ledger.entries, 5U);
}

// The state folder of yesterday was put back: its ledger, its mark, its key and its checkpoints.
TEST(LedgerCopyTest, TellsThatTheLedgerIsOlderThanItsCopy) {
  Copied at;
  at.grow(3);
  at.ledger.reset();
  std::filesystem::copy(at.folder / "state", at.folder / "yesterday",
                        std::filesystem::copy_options::recursive);
  at.open();
  at.grow(4);
  ASSERT_TRUE(at.update());
  at.ledger.reset();
  std::filesystem::remove_all(at.folder / "state");
  std::filesystem::rename(at.folder / "yesterday", at.folder / "state");
  at.open();
  EXPECT_FALSE(at.ledger->view()->damaged());
  ASSERT_TRUE(at.ledger->append(backup_entry(90)));                  // before anybody has looked
  LedgerCopy copy(at.files, at.home, at.folder / "copy", at.clock);  // of the next process
  EXPECT_FALSE(copy.update(*at.ledger, *at.checkpoints, {}));
  const Mark newest = copy.standing().newest;
  EXPECT_EQ(newest.seq, 7U);
  EXPECT_FALSE(copy.standing().missing_here) << "its entry is not here either";
  EXPECT_TRUE(at.ledger->view()->damaged());
  ASSERT_TRUE(at.ledger->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "restored", ""));
  EXPECT_GT(at.ledger->view()->last_seq, 7U) << "no seq is used twice";
  ASSERT_TRUE(at.ledger->compare_end(newest));
  EXPECT_FALSE(at.ledger->view()->damaged()) << "it is known";
  EXPECT_FALSE(at.update());
  EXPECT_EQ(at.copy.standing().view.reason, "copy_differs");
}

TEST(LedgerCopyTest, ACopyOfAnotherKeySaysNothing) {
  Copied at;
  at.grow(3);
  ASSERT_TRUE(at.update());
  for (const char* name : {"ledger.key", "ledger.pub", "checkpoints.jsonl"})
    std::filesystem::remove(at.folder / "state" / name);
  at.open();
  LedgerCopy copy(at.files, at.home, at.folder / "copy", at.clock);
  EXPECT_FALSE(copy.update(*at.ledger, *at.checkpoints, {}));
  EXPECT_EQ(copy.standing().newest.seq, 0U);
  EXPECT_EQ(copy.standing().view.reason, "copy_differs");
}

class LedgerCopyFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(LedgerCopyFaultTest, IsWholeWhateverHappensToIt) {
  constexpr int kRounds = 2;
  const auto work = [](Copied& at) {
    for (int round = 0; round < kRounds; ++round) {
      at.grow(3);
      (void)at.update();
    }
  };
  Copied sound;
  work(sound);
  for (size_t call = 0; call < sound.files.calls(); ++call) {
    SCOPED_TRACE(fmt::format("call {}", call));
    Copied at;
    if (GetParam() == Fault::power) at.files.fail_from(call, GetParam());
    if (GetParam() != Fault::power) at.files.fail_once(call, GetParam());
    work(at);
    at.files.crash(call);
    if (std::filesystem::exists(at.folder / "copy/checkpoints.jsonl")) {
      const SignedReport report = at.verify();
      EXPECT_EQ(report.ledger.problem_count + report.checkpoints.problem_count, 0U);
    }
    ASSERT_TRUE(at.update());
    EXPECT_EQ(at.verify().checkpoints.newest.size, 3U * kRounds);
    EXPECT_EQ(at.verify().verdict(), Verdict::passed);
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, LedgerCopyFaultTest,
                         ::testing::Values(Fault::power, Fault::io, Fault::disk_full));

TEST(LedgerCopyTest, CanBeStopped) {
  Copied at;
  at.grow(2);
  std::stop_source stop;
  stop.request_stop();
  const auto updated = at.copy.update(*at.ledger, *at.checkpoints, stop.get_token());
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code(), ErrorCode::cancelled);
  EXPECT_EQ(at.copy.standing().view.reason, "");
}

}  // namespace
}  // namespace vigie::testing
