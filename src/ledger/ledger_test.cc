#include "ledger/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "ledger/verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;
using platform::real_file_system;

class LedgerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Ledger> open(LedgerOptions options = {16_MiB, {}}) {
    auto opened = Ledger::open(real_file_system(), folder_ / "ledger", clock_, options);
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  std::unique_ptr<Ledger> with_entries(int count, Bytes segment = 16_MiB) {
    auto ledger = open({segment, {}});
    for (int i = 1; i <= count; ++i) EXPECT_TRUE(ledger->append(backup_entry(i)));
    return ledger;
  }
  VerifyReport verified() { return verify(real_file_system(), folder_ / "ledger").value(); }
  platform::Path current() const { return folder_ / "ledger" / "ledger.jsonl"; }

  TempFolder folder_;
  FakeClock clock_;
};

std::vector<uint64_t> seqs(const Page& page) {
  std::vector<uint64_t> all;
  for (const auto& entry : page.entries) all.push_back(entry.at("seq").to_number<uint64_t>());
  return all;
}

using ::testing::ElementsAre;

TEST_F(LedgerTest, IsEmptyAtFirst) {
  const auto ledger = open();
  EXPECT_EQ(ledger->view()->last_seq, 0U);
  EXPECT_FALSE(ledger->view()->last_at);
  EXPECT_TRUE(ledger->page({})->entries.empty());
}

TEST_F(LedgerTest, WithoutAnEntryNothingIsVerified) {
  ASSERT_TRUE(real_file_system().create_folder(folder_ / "ledger"));
  EXPECT_EQ(verified().verdict(), Verdict::could_not_verify);
  EXPECT_EQ(verified().segments, 0U);
  const auto ledger = open();
  EXPECT_EQ(verified().verdict(), Verdict::could_not_verify);
  EXPECT_EQ(verified().segments, 1U);
  ASSERT_TRUE(ledger->append(backup_entry(1)));
  EXPECT_EQ(verified().verdict(), Verdict::passed);
}

TEST_F(LedgerTest, AppendAnswersWithSeqAndHash) {
  const auto ledger = open();
  const auto first = ledger->append(backup_entry(1));
  const auto second = ledger->append(backup_entry(2));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->seq, 1U);
  EXPECT_EQ(second->seq, 2U);
  EXPECT_NE(first->id, second->id);
  EXPECT_EQ(verified().head, second->entry_hash);
}

TEST_F(LedgerTest, EntriesAreTheSameAfterARestart) {
  with_entries(3);
  const auto ledger = open();
  EXPECT_EQ(ledger->append(backup_entry(4))->seq, 4U);
  EXPECT_THAT(seqs(*ledger->page({})), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(verified().good());
}

TEST_F(LedgerTest, ViewFollowsEachAppend) {
  const auto ledger = with_entries(2);
  const auto view = ledger->view();
  EXPECT_EQ(view->entries, 2U);
  EXPECT_EQ(view->last_at, backup_entry(2).ended_at);
  EXPECT_EQ(view->size.count, bytes_of(current()).size());
  EXPECT_TRUE(view->reserve_ready);
  EXPECT_FALSE(view->damaged());
}

TEST_F(LedgerTest, SealsSegmentsBySize) {
  const auto ledger = with_entries(10, 3_KiB);
  EXPECT_GE(ledger->view()->segments.size(), 3U);
  EXPECT_EQ(ledger->view()->segments.front().name, "ledger-000001.jsonl");
  EXPECT_EQ(ledger->view()->segments.back().name, "ledger.jsonl");
  EXPECT_TRUE(verified().good());
  EXPECT_EQ(verified().entries, 10U);
  EXPECT_EQ(ledger->page({})->entries.size(), 10U);
}

TEST_F(LedgerTest, SealedSegmentsGoOnAfterARestart) {
  with_entries(10, 3_KiB);
  const auto ledger = with_entries(10, 3_KiB);
  EXPECT_EQ(ledger->view()->last_seq, 20U);
  EXPECT_EQ(open()->view()->segments.size(), ledger->view()->segments.size());
  EXPECT_TRUE(verified().good());
}

TEST_F(LedgerTest, EntryBeyondTheLimitIsRefusedAndLeavesNothing) {
  const auto ledger = with_entries(1);
  Entry entry = backup_entry(2);
  entry.reason = std::string(300'000, 'x');
  EXPECT_EQ(ledger->append(entry).error().code(), ErrorCode::limit_exceeded);
  EXPECT_EQ(ledger->append(backup_entry(2))->seq, 2U);
  EXPECT_TRUE(verified().good());
}

TEST_F(LedgerTest, FiltersByKindTimeCorrelationBackupAndId) {
  const auto ledger = with_entries(5);
  Entry other = backup_entry(6);
  other.kind = "hold";
  const auto recorded = ledger->append(other);
  EXPECT_THAT(seqs(*ledger->page({.kind = "hold"})), ElementsAre(6));
  EXPECT_THAT(seqs(*ledger->page({.correlation_id = "c3"})), ElementsAre(3));
  EXPECT_THAT(seqs(*ledger->page({.backup = "nightly.app-20261120T000400Z"})), ElementsAre(4));
  EXPECT_THAT(seqs(*ledger->page({.id = recorded->id})), ElementsAre(6));
  EXPECT_THAT(
      seqs(*ledger->page({.from = backup_entry(2).ended_at, .to = backup_entry(3).ended_at})),
      ElementsAre(2, 3));
}

TEST_F(LedgerTest, PagesForwardAndBackward) {
  const auto ledger = with_entries(5);
  Page page = *ledger->page({.limit = 2});
  EXPECT_THAT(seqs(page), ElementsAre(1, 2));
  page = *ledger->page({.after_seq = *page.next_seq, .limit = 2});
  EXPECT_THAT(seqs(page), ElementsAre(3, 4));
  page = *ledger->page({.after_seq = *page.next_seq, .limit = 2});
  EXPECT_THAT(seqs(page), ElementsAre(5));
  EXPECT_FALSE(page.next_seq);
  page = *ledger->page({.newest_first = true, .limit = 3});
  EXPECT_THAT(seqs(page), ElementsAre(5, 4, 3));
  page = *ledger->page({.before_seq = *page.next_seq, .newest_first = true});
  EXPECT_THAT(seqs(page), ElementsAre(2, 1));
}

TEST_F(LedgerTest, PageIsBoundedInBytes) {
  const auto ledger = open();
  Entry entry = backup_entry(1);
  entry.reason = std::string(250'000, 'x');
  for (int i = 0; i < 36; ++i) ASSERT_TRUE(ledger->append(entry));
  const auto page = ledger->page({.limit = 1000});
  EXPECT_LT(page->entries.size(), 36U);
  EXPECT_EQ(page->next_seq, page->entries.size());
}

TEST_F(LedgerTest, StoppedReadingIsCancelled) {
  const auto ledger = with_entries(2);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(ledger->page({}, stop.get_token()).error().code(), ErrorCode::cancelled);
}

TEST_F(LedgerTest, WhoOnlyLooksSeesAllThatWasThereWhenItIsSealedMeanwhile) {
  const auto ledger = with_entries(4, 3_KiB);
  const auto looking = open({.read_only = true});
  for (int i = 5; i <= 20; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  EXPECT_THAT(seqs(*looking->page({})), ElementsAre(1, 2, 3, 4));
}

TEST_F(LedgerTest, ReadingGoesOnWhileSegmentsAreSealed) {
  const auto ledger = open({2_KiB, {}});
  std::jthread writer([&] {
    for (int i = 1; i <= 100; ++i) EXPECT_TRUE(ledger->append(backup_entry(i)));
  });
  while (ledger->view()->last_seq < 100) {
    const auto page = ledger->page({.limit = 1000});
    ASSERT_TRUE(page);
    const auto got = seqs(*page);
    for (size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], i + 1);
    ASSERT_EQ(verified().problem_count, 0U);
  }
}

TEST_F(LedgerTest, ConcurrentAppendsAreOneChain) {
  const auto ledger = open({4_KiB, {}});
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i) EXPECT_TRUE(ledger->append(backup_entry(i)));
      });
    }
  }
  EXPECT_EQ(verified().entries, 40U);
  EXPECT_TRUE(verified().good());
}

TEST_F(LedgerTest, NewerVersionIsRefusedAndNotTouched) {
  with_entries(2);
  auto lines = lines_of(current());
  for (auto& line : lines) line.replace(line.find("evidence/1"), 10, "evidence/2");
  write_lines(current(), lines);
  const std::string before = bytes_of(current());
  const auto opened = Ledger::open(real_file_system(), folder_ / "ledger", clock_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::ledger_newer);
  EXPECT_EQ(bytes_of(current()), before);
}

TEST_F(LedgerTest, FilesAreForTheOwnerAlone) {
  open({16_MiB, 64_KiB})->append(backup_entry(1)).value();
  EXPECT_EQ(real_file_system().info(folder_ / "ledger")->mode, 0700U);
  EXPECT_EQ(real_file_system().info(current())->mode, 0600U);
  EXPECT_EQ(real_file_system().info(folder_ / "ledger" / "reserve")->mode, 0600U);
}

TEST_F(LedgerTest, WhoOnlyLooksChangesNothing) {
  with_entries(3).reset();
  std::ofstream(current(), std::ios::app) << "{\"torn";
  const auto before = platform::read_file(real_file_system(), current(), 1_MiB).value();
  const auto ledger = open({.reserve = 1_MiB, .read_only = true});
  EXPECT_EQ(ledger->view()->last_seq, 3U);
  EXPECT_EQ(seqs(*ledger->page({})), (std::vector<uint64_t>{1, 2, 3}));
  const auto refused = ledger->append(backup_entry(4));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::ledger_unwritable);
  EXPECT_FALSE(ledger->maintain());
  EXPECT_FALSE(ledger->verify({}));
  EXPECT_FALSE(ledger->view()->proven_at) << "nobody has tried";
  EXPECT_EQ(platform::read_file(real_file_system(), current(), 1_MiB).value(), before);
  EXPECT_FALSE(real_file_system().info(folder_ / "ledger" / "reserve"));
}

TEST_F(LedgerTest, KnowsWhenItLastTookAWrite) {
  const auto ledger = open();
  const SystemTime opened = clock_.now();
  EXPECT_EQ(ledger->view()->proven_at, opened);
  clock_.advance(std::chrono::minutes(4));
  ASSERT_TRUE(ledger->maintain());
  EXPECT_EQ(ledger->view()->proven_at, opened) << "that was lately enough";
  clock_.advance(std::chrono::minutes(1));
  ASSERT_TRUE(ledger->maintain());
  EXPECT_EQ(ledger->view()->proven_at, clock_.now());
  clock_.advance(std::chrono::minutes(3));
  ASSERT_TRUE(ledger->append(backup_entry(1)));
  EXPECT_EQ(ledger->view()->proven_at, clock_.now());
  EXPECT_EQ(verified().entries, 1U) << "a probe is no entry";
}

TEST_F(LedgerTest, AFolderThatTakesNoWritesAnyMoreIsFoundWithoutAnEntry) {
  FaultyFileSystem files(folder_ / "disk");
  const auto ledger = *Ledger::open(files, folder_ / "disk" / "ledger", clock_, {16_MiB, {}});
  files.fail_from(files.calls(), Fault::io);
  const SystemTime opened = clock_.now();
  clock_.advance(std::chrono::minutes(5));
  EXPECT_FALSE(ledger->maintain());
  EXPECT_EQ(ledger->view()->error_code, "ledger_unwritable");
  EXPECT_EQ(ledger->view()->proven_at, opened);
  files.no_faults();
  ASSERT_TRUE(ledger->maintain()) << "tried again at once";
  EXPECT_EQ(ledger->view()->error_code, "");
  EXPECT_EQ(ledger->view()->proven_at, clock_.now());
}

TEST_F(LedgerTest, WhoOnlyLooksNeedsNoFolderAndMakesNone) {
  const auto ledger = open({.read_only = true});
  EXPECT_EQ(ledger->view()->entries, 0U);
  EXPECT_TRUE(ledger->page({})->entries.empty());
  EXPECT_FALSE(real_file_system().info(folder_ / "ledger"));
}

}  // namespace
}  // namespace vigie::testing
