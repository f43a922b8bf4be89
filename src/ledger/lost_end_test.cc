// A ledger that ends before the last entry that was acknowledged: the mark beside its folder knows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ledger/ledger.h"
#include "ledger/mark.h"
#include "ledger/verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

class LostEnd : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> open() {
    auto opened = Ledger::open(files_, home_, clock_, {segment_, {}});
    EXPECT_TRUE(opened);
    return opened ? std::move(*opened) : nullptr;
  }
  void write_entries(int count) {
    const auto ledger = open();
    for (int i = 1; i <= count; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  }
  void cut_lines(size_t keep) {
    auto lines = lines_of(current_);
    ASSERT_GT(lines.size(), keep);
    lines.resize(keep);
    write_lines(current_, lines);
  }
  VerifyReport verified() { return verify(files_, home_).value(); }
  static size_t records(const Ledger& ledger) {
    return ledger.page({.kind = "ledger_damage"})->entries.size();
  }

  // The end is lost: it is told, recorded once, whatever is appended then and however often it
  // is opened, and it ends when somebody acknowledges it. No seq up to `last` is used again.
  void expect_lost(const std::string& what, uint64_t last) {
    ASSERT_EQ(verified().problem_count, 1U);
    EXPECT_EQ(verified().problems[0].what, what);
    for (int life = 0; life < 3; ++life) {
      const auto ledger = open();
      ASSERT_TRUE(ledger);
      EXPECT_TRUE(ledger->view()->damaged());
      EXPECT_EQ(records(*ledger), 1U);
      EXPECT_GT(ledger->append(backup_entry(90 + life))->seq, last);
      EXPECT_EQ(verified().problem_count, 1U);
    }
    ASSERT_TRUE(open()->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "restored", "T-1"));
    EXPECT_FALSE(open()->view()->damaged());
    EXPECT_EQ(records(*open()), 1U);
    EXPECT_TRUE(verified().acknowledged);
  }

  TempFolder folder_;
  const platform::Path home_ = folder_ / "ledger";
  const platform::Path current_ = home_ / "ledger.jsonl";
  const platform::Path mark_ = folder_ / "ledger.mark";
  Bytes segment_ = 16_MiB;
  FaultyFileSystem files_{folder_.path()};
  FakeClock clock_;
};

TEST_F(LostEnd, ACutEndIsDamage) {
  write_entries(5);
  cut_lines(3);
  expect_lost("entries are missing at its end", 5);
}

TEST_F(LostEnd, ACurrentSegmentThatIsGoneIsDamage) {
  segment_ = 3_KiB;
  write_entries(10);
  const uint64_t last = open()->view()->last_seq;
  ASSERT_TRUE(files_.remove_file(current_));
  expect_lost("entries are missing at its end", last);
}

TEST_F(LostEnd, ALedgerThatIsGoneIsDamage) {
  write_entries(5);
  ASSERT_TRUE(files_.remove_file(current_));
  expect_lost("entries are missing at its end", 5);
}

TEST_F(LostEnd, AFolderThatIsGoneIsDamage) {
  write_entries(5);
  ASSERT_TRUE(platform::remove_tree(files_, home_));
  EXPECT_TRUE(open()->view()->damaged());
  expect_lost("entries are missing at its end", 5);
}

TEST_F(LostEnd, AnEndThatWasWrittenAnewIsDamage) {
  write_entries(5);
  const std::string mark = bytes_of(mark_);
  ASSERT_TRUE(files_.remove_file(current_));
  ASSERT_TRUE(files_.remove_file(mark_));
  write_entries(7);
  write_bytes(mark_, mark);
  expect_lost("its end was written anew", 7);
}

// Half of a line that was acknowledged is no append that was interrupted.
TEST_F(LostEnd, ALastLineThatWasCutIsDamageAndIsKept) {
  write_entries(3);
  const std::string good = bytes_of(current_);
  const std::string cut = good.substr(0, good.size() - 100);
  write_bytes(current_, cut);
  expect_lost("not an entry", 3);
  EXPECT_EQ(bytes_of(home_ / "ledger-000001.jsonl"), cut);
}

TEST_F(LostEnd, AMarkThatLagsIsNoDamage) {
  write_entries(3);
  const std::string mark = bytes_of(mark_);
  write_entries(3);
  write_bytes(mark_, mark);
  EXPECT_TRUE(verified().good());
  EXPECT_FALSE(open()->view()->damaged());
  EXPECT_NE(bytes_of(mark_), mark) << "it is raised at the start";
}

TEST_F(LostEnd, WithoutAMarkOrWithOneThatCannotBeReadTheLedgerIsTaken) {
  for (const char* const mark : {"", "{", "{\"seq\":3}", "\xff\x00"}) {
    write_entries(3);
    write_bytes(mark_, mark);
    EXPECT_FALSE(open()->view()->damaged());
    EXPECT_TRUE(verified().good());
    EXPECT_EQ(read_mark(files_, home_).seq, open()->view()->last_seq);
  }
}

TEST_F(LostEnd, DamageThatTookTheMarksEntryIsToldOnce) {
  write_entries(5);
  auto lines = lines_of(current_);
  lines[4] = "hello";
  write_lines(current_, lines);
  expect_lost("not an entry", 5);
}

// What was cut since it was acknowledged is found by the next append: nothing is written behind it.
TEST_F(LostEnd, IsFoundByTheNextAppendWhileTheLedgerIsOpen) {
  const auto ledger = open();
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  cut_lines(3);
  EXPECT_GT(ledger->append(backup_entry(6))->seq, 6U);
  EXPECT_TRUE(ledger->view()->damaged());
  expect_lost("entries are missing at its end", 6);
}

TEST_F(LostEnd, AFileThatIsGoneWhileTheLedgerIsOpenTakesNoEntryWithIt) {
  const auto ledger = open();
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  ASSERT_TRUE(files_.remove_file(current_));
  const auto recorded = ledger->append(backup_entry(6));
  ASSERT_TRUE(recorded);
  EXPECT_EQ(open()->page({.id = recorded->id})->entries.size(), 1U);
  expect_lost("entries are missing at its end", 6);
}

// Acknowledged damage of long ago does not hide what is lost today.
TEST_F(LostEnd, IsFoundBesideOldDamage) {
  write_entries(5);
  auto lines = lines_of(current_);
  lines[2][20] = '#';
  write_lines(current_, lines);
  const auto ledger = open();
  ASSERT_TRUE(ledger->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "disk", "T-1"));
  ASSERT_TRUE(ledger->append(backup_entry(6)));
  ASSERT_TRUE(ledger->append(backup_entry(7)));
  cut_lines(lines_of(current_).size() - 1);
  EXPECT_EQ(ledger->verify({"schedule", "", CorrelationId("c"), {}})->problem_count, 2U);
  EXPECT_TRUE(ledger->view()->damaged());
}

// Nor does an end that was lost, recorded and acknowledged before.
TEST_F(LostEnd, IsFoundBehindAnEndThatWasLostBefore) {
  write_entries(5);
  cut_lines(3);
  ASSERT_TRUE(open()->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "restored", "T-1"));
  write_entries(3);
  const uint64_t last = open()->view()->last_seq;
  cut_lines(lines_of(current_).size() - 2);
  EXPECT_EQ(verified().problem_count, 2U);
  const auto ledger = open();
  EXPECT_TRUE(ledger->view()->damaged());
  EXPECT_EQ(records(*ledger), 2U);
  EXPECT_GT(ledger->append(backup_entry(9))->seq, last) << "no seq is used twice";
}

// The file that the ledger began with is gone, and what follows is in another.
TEST_F(LostEnd, WhatIsAppendedAfterAFileIsGoneIsReadByTheSameLedger) {
  write_entries(5);
  const auto ledger = open();
  ASSERT_TRUE(files_.remove_file(current_));
  const auto recorded = ledger->append(backup_entry(6));
  ASSERT_TRUE(recorded);
  EXPECT_EQ(ledger->page({.id = recorded->id})->entries.size(), 1U);
  EXPECT_EQ(records(*ledger), 1U);
}

TEST_F(LostEnd, AnAcknowledgementIsNotWrittenIntoAFileThatIsGone) {
  write_entries(5);
  cut_lines(3);
  const auto ledger = open();
  ASSERT_TRUE(files_.remove_file(current_));
  ASSERT_TRUE(ledger->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "restored", "T-1"));
  EXPECT_EQ(open()->page({.kind = "acknowledgement"})->entries.size(), 1U);
  EXPECT_FALSE(open()->view()->damaged());
}

// An append does not wait for the mark, and fails not with it.
TEST_F(LostEnd, AMarkThatCannotBeWrittenShowsAndIsTriedAgain) {
  const auto ledger = open();
  ASSERT_TRUE(files_.create_folder(folder_ / "ledger.mark"));
  EXPECT_TRUE(ledger->append(backup_entry(1)));
  EXPECT_EQ(ledger->view()->error_code, "ledger_unwritable");
  ASSERT_TRUE(files_.remove_folder(folder_ / "ledger.mark"));
  EXPECT_TRUE(ledger->maintain());
  EXPECT_EQ(read_mark(files_, home_).seq, 1U);
}

TEST_F(LostEnd, OneWhoOnlyLooksFindsItAndWritesNothing) {
  write_entries(5);
  cut_lines(3);
  const std::string mark = bytes_of(mark_);
  const auto looking = *Ledger::open(files_, home_, clock_, {.read_only = true});
  EXPECT_TRUE(looking->view()->damaged());
  EXPECT_EQ(bytes_of(mark_), mark);
  EXPECT_EQ(lines_of(current_).size(), 3U);
}

// Power fails at each call of recording the loss.
TEST(LostEndCrash, PowerLossWhileItIsRecordedForgetsNothing) {
  for (size_t call = 0;; ++call) {
    TempFolder folder;
    FaultyFileSystem files(folder.path());
    const FakeClock clock;
    const platform::Path home = folder / "ledger";
    const auto open = [&] { return Ledger::open(files, home, clock, {16_MiB, {}}); };
    for (int i = 1; i <= 3; ++i) ASSERT_TRUE((*open())->append(backup_entry(i)));
    const platform::Path current = home / "ledger.jsonl";
    const uint64_t last = lines_of(current).back().size() + 1;
    ASSERT_TRUE(files.truncate(current, Bytes{bytes_of(current).size() - last}));
    ASSERT_TRUE((*files.open_append(current))->sync());
    const size_t before = files.calls();
    files.fail_from(before + call, Fault::power);
    { (void)open(); }
    const bool done = files.calls() < before + call;
    files.crash(call);
    const auto ledger = open();
    ASSERT_TRUE(ledger) << call;
    EXPECT_TRUE((*ledger)->view()->damaged()) << call;
    EXPECT_EQ((*ledger)->page({.kind = "ledger_damage"})->entries.size(), 1U) << call;
    EXPECT_GT((*ledger)->append(backup_entry(9))->seq, 3U) << call;
    EXPECT_EQ(verify(files, home)->problem_count, 1U) << call;
    if (done) break;
  }
}

}  // namespace
}  // namespace vigie::testing
