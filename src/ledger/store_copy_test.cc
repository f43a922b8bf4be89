// A copy of the ledger as whole files in a store, and what it shows of a ledger that was changed.
#include "ledger/store_copy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ledger/segments.h"
#include "ledger/signed_verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

constexpr LedgerOptions kSmall{3_KiB, {}};  // segments of four entries or so

// A store that puts whole files, in a folder; it can be away, and can fail at a file.
class Shelf final : public CopyPlace {
 public:
  struct State {
    platform::Path folder;
    bool away = false;
    bool new_still = false;  // nobody has marked it
    std::string fails_at;    // puts of this name fail
    std::vector<std::string> sent{};
    std::vector<std::string> read{};
    int written = 0;  // what tags count
    std::map<std::string, std::string> tags{};
  };
  explicit Shelf(State& state) : state_(state) {}

  static OpenPlace opener(State& state) {
    return [&state](const std::stop_token& stop) -> Result<std::unique_ptr<CopyPlace>> {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, {{"reason", "stopped"}});
      if (state.away)
        return fail(ErrorCode::store_unreachable, {{"store", "shelf"}, {"reason", "away"}});
      std::unique_ptr<CopyPlace> place;
      if (!state.new_still) place = std::make_unique<Shelf>(state);
      return place;
    };
  }

  Result<std::vector<CopiedFile>> list() override {
    std::vector<CopiedFile> all;
    for (const auto& one : std::filesystem::recursive_directory_iterator(state_.folder)) {
      if (!one.is_regular_file()) continue;
      const std::string name = std::filesystem::relative(one.path(), state_.folder).string();
      all.push_back({name, Bytes{one.file_size()}, tag(name)});
    }
    return all;
  }
  Result<std::unique_ptr<platform::ReadableFile>> open(const std::string& name) override {
    state_.read.push_back(name);
    return platform::real_file_system().open_read(state_.folder / name);
  }
  Result<CopiedFile> put(const std::string& name, const platform::ReadableFile& from,
                         Bytes size) override {
    if (name == state_.fails_at)
      return fail(ErrorCode::store_unreachable, {{"store", "shelf"}, {"reason", "cut"}});
    std::string bytes(size.count, '\0');
    TRY_ASSIGN(const size_t got,
               from.read_at(0, {reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()}));
    EXPECT_EQ(got, size.count);
    std::filesystem::create_directories((state_.folder / name).parent_path());
    write_bytes(state_.folder / name, bytes);
    state_.sent.push_back(name);
    state_.tags[name] = fmt::format("put {}", ++state_.written);
    return CopiedFile{name, size, tag(name)};
  }

 private:
  std::string tag(const std::string& name) const {
    const auto found = state_.tags.find(name);
    return found == state_.tags.end() ? "found" : found->second;
  }
  State& state_;
};

class StoreCopyTest : public ::testing::Test {
 protected:
  StoreCopyTest() {
    std::filesystem::create_directories(folder_ / "state");
    std::filesystem::create_directories(shelf_.folder);
    open();
  }

  void open() {
    copy_.emplace(files_, home_, "store shelf", Shelf::opener(shelf_), clock_);
    ledger_ = *Ledger::open(files_, home_, clock_, kSmall);
    checkpoints_.emplace(files_, home_, clock_);
    (void)checkpoints_->open();
    (void)ledger_->compare_end(checkpoints_->newest());
  }
  // As the next process finds what somebody did to the state folder meanwhile.
  void restart() {
    ledger_.reset();
    shelf_.tags.clear();
    open();
  }
  void grow(int entries) {
    for (int i = 0; i < entries; ++i) EXPECT_TRUE(ledger_->append(backup_entry(++number_)));
    EXPECT_TRUE(checkpoints_->make(*ledger_->view()));
  }
  Result<> update() { return copy_->update(*ledger_, *checkpoints_, {}); }
  std::string reason() { return copy_->standing().view.reason; }
  SignedReport verify(const platform::Path& ledger, const platform::Path& checkpoints) {
    const auto key = *read_public_key(files_, shelf_.folder / "ledger.pub");
    return *verify_signed(files_, {ledger, checkpoints, checkpoints}, key);
  }
  SignedReport verify_copy() {
    return verify(shelf_.folder / "ledger", shelf_.folder / "checkpoints.jsonl");
  }
  // The ledger of the host against the checkpoints of the copy.
  SignedReport verify_against_copy() { return verify(home_, shelf_.folder / "checkpoints.jsonl"); }
  // Everything of the state folder, but what the store holds.
  void keep_state(const char* name) {
    std::filesystem::copy(folder_ / "state", folder_ / name,
                          std::filesystem::copy_options::recursive);
  }
  void put_back(const char* name) {
    std::filesystem::remove_all(folder_ / "state");
    std::filesystem::rename(folder_ / name, folder_ / "state");
  }

  TempFolder folder_;
  platform::FileSystem& files_ = platform::real_file_system();
  const platform::Path home_ = folder_ / "state" / "ledger";
  Shelf::State shelf_{folder_ / "shelf"};
  FakeClock clock_;
  std::unique_ptr<Ledger> ledger_;
  std::optional<Checkpoints> checkpoints_;
  std::optional<StoreCopy> copy_;
  int number_ = 0;
};

TEST_F(StoreCopyTest, GrowsWithTheLedgerOverItsSegmentsAndVerifiesEachTime) {
  for (int round = 1; round <= 5; ++round) {
    grow(3);
    const auto updated = update();
    ASSERT_TRUE(updated) << updated.error().detail(Audience::operators);
    const SignedReport report = verify_copy();
    EXPECT_EQ(report.verdict(), Verdict::passed);
    EXPECT_EQ(report.ledger.last_seq, ledger_->view()->last_seq);
  }
  EXPECT_GT(ledger_->view()->segments.size(), 3U);
  EXPECT_FALSE(std::filesystem::exists(shelf_.folder / "ledger" / kCurrentSegment));
  EXPECT_EQ(copy_->standing().view.size, 15U);
}

TEST_F(StoreCopyTest, SendsOnlyWhatIsNewAndReadsNothingThatItKnows) {
  grow(6);
  ASSERT_TRUE(update());
  shelf_.sent.clear();
  shelf_.read.clear();
  ASSERT_TRUE(update());
  EXPECT_TRUE(shelf_.sent.empty());
  grow(1);
  ASSERT_TRUE(update());
  EXPECT_EQ(shelf_.sent.size(), 2U) << "the current segment, and the checkpoints";
  EXPECT_TRUE(shelf_.read.empty());
}

TEST_F(StoreCopyTest, TheNextProcessComparesBeforeItSends) {
  grow(2);
  ASSERT_TRUE(update());
  restart();
  grow(1);
  ASSERT_TRUE(update());
  EXPECT_FALSE(shelf_.read.empty());
  EXPECT_EQ(verify_copy().verdict(), Verdict::passed);
}

TEST_F(StoreCopyTest, AStoreThatIsAwayIsToldAndCaughtUpWith) {
  grow(2);
  shelf_.away = true;
  EXPECT_FALSE(update());
  EXPECT_EQ(reason(), "copy_missing");
  grow(2);
  shelf_.away = false;
  ASSERT_TRUE(update());
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(verify_copy().checkpoints.newest.size, 4U);
}

TEST_F(StoreCopyTest, AStoreThatNobodyHasMarkedIsWaitedFor) {
  shelf_.new_still = true;
  grow(1);
  EXPECT_TRUE(update());
  EXPECT_TRUE(copy_->standing().waits);
  EXPECT_EQ(reason(), "");
  shelf_.new_still = false;
  EXPECT_TRUE(update());
  EXPECT_FALSE(copy_->standing().waits);
}

TEST_F(StoreCopyTest, WhateverIsCutShortLeavesACopyThatVerifies) {
  grow(6);
  ASSERT_TRUE(update());
  const std::vector<std::string> names = shelf_.sent;
  grow(6);
  for (const std::string& name : names) {
    shelf_.fails_at = name;
    (void)update();
    EXPECT_EQ(verify_copy().ledger.problem_count, 0U) << name;
    EXPECT_EQ(verify_copy().checkpoints.problem_count, 0U) << name;
  }
  shelf_.fails_at.clear();
  ASSERT_TRUE(update());
  EXPECT_EQ(verify_copy().checkpoints.newest.size, 12U);
}

TEST_F(StoreCopyTest, CanBeStopped) {
  grow(1);
  std::stop_source stop;
  stop.request_stop();
  const auto updated = copy_->update(*ledger_, *checkpoints_, stop.get_token());
  ASSERT_FALSE(updated);
  EXPECT_EQ(updated.error().code(), ErrorCode::cancelled);
  EXPECT_EQ(reason(), "");
}

// --- what was done to the host, found by the copy ---

TEST_F(StoreCopyTest, AnOlderStateFolderThatWasPutBackIsDamage) {
  grow(3);
  keep_state("yesterday");
  grow(4);
  ASSERT_TRUE(update());
  ledger_.reset();
  put_back("yesterday");
  restart();
  ASSERT_FALSE(ledger_->view()->damaged());
  EXPECT_EQ(verify_against_copy().verdict(), Verdict::failed);
  EXPECT_FALSE(update());
  EXPECT_TRUE(ledger_->view()->damaged());
  EXPECT_FALSE(copy_->standing().missing_here) << "its entry is not here either";
  EXPECT_EQ(reason(), "copy_differs");
  EXPECT_EQ(verify_copy().ledger.last_seq, 7U) << "it is as it was";
}

TEST_F(StoreCopyTest, ATailThatWasCutOffWithMarkAndCheckpointsIsDamage) {
  grow(2);
  const std::string lines = bytes_of(folder_ / "state/checkpoints.jsonl");
  grow(1);
  ASSERT_TRUE(update());
  ledger_.reset();
  auto entries = lines_of(home_ / "ledger.jsonl");
  entries.pop_back();
  write_lines(home_ / "ledger.jsonl", entries);
  write_bytes(folder_ / "state/checkpoints.jsonl", lines);
  std::filesystem::remove(folder_ / "state/ledger.mark");
  restart();
  ASSERT_FALSE(ledger_->view()->damaged()) << "nothing on the host tells";
  const auto found = verify_against_copy().checkpoints.problems;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().what, kEndsBefore);
  EXPECT_FALSE(update());
  EXPECT_TRUE(ledger_->view()->damaged());
}

// By somebody who holds the key: the chain, the mark and the checkpoints fit each other.
TEST_F(StoreCopyTest, AChainThatWasWrittenAnewIsDamage) {
  grow(3);
  ASSERT_TRUE(update());
  ledger_.reset();
  for (const char* gone : {"ledger", "ledger.mark", "checkpoints.jsonl"})
    std::filesystem::remove_all(folder_ / "state" / gone);
  restart();
  number_ = 50;
  grow(4);
  ASSERT_FALSE(ledger_->view()->damaged());
  ASSERT_EQ(verify(home_, folder_ / "state/checkpoints.jsonl").verdict(), Verdict::passed);
  const auto found = verify_against_copy().checkpoints.problems;
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().what, kAnotherEntry);
  EXPECT_FALSE(update());
  EXPECT_EQ(reason(), "copy_differs");
  EXPECT_TRUE(ledger_->view()->damaged());
  EXPECT_EQ(verify_copy().ledger.last_seq, 3U) << "it is as it was";
}

TEST_F(StoreCopyTest, ACheckpointThatWasRemovedIsTold) {
  grow(2);
  const std::string lines = bytes_of(folder_ / "state/checkpoints.jsonl");
  grow(2);
  ASSERT_TRUE(update());
  write_bytes(folder_ / "state/checkpoints.jsonl", lines);
  restart();
  ASSERT_EQ(verify(home_, folder_ / "state/checkpoints.jsonl").verdict(), Verdict::passed);
  EXPECT_FALSE(update());
  EXPECT_TRUE(copy_->standing().missing_here);
  EXPECT_EQ(copy_->standing().newest.seq, 4U);
  EXPECT_EQ(reason(), "copy_differs");
  EXPECT_FALSE(ledger_->view()->damaged()) << "every entry is there";
}

TEST_F(StoreCopyTest, ADamageThatSomebodyHasAcknowledgedIsNotRecordedAgain) {
  grow(3);
  keep_state("yesterday");
  grow(2);
  ASSERT_TRUE(update());
  ledger_.reset();
  put_back("yesterday");
  restart();
  EXPECT_FALSE(update());
  ASSERT_TRUE(ledger_->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "restored", ""));
  restart();
  EXPECT_FALSE(update());
  EXPECT_FALSE(ledger_->view()->damaged());
}

// --- what was done to the copy ---

TEST_F(StoreCopyTest, ACopyThatWasEditedIsLeftAsItIs) {
  grow(2);
  ASSERT_TRUE(update());
  const auto file = shelf_.folder / "ledger/ledger-000001.jsonl";
  auto lines = lines_of(file);
  lines[0][30] ^= 1;
  write_lines(file, lines);
  restart();
  grow(1);
  EXPECT_FALSE(update());
  EXPECT_EQ(reason(), "copy_differs");
  EXPECT_EQ(verify_copy().verdict(), Verdict::failed);
  EXPECT_EQ(lines_of(file), lines);
}

// The copy is what it will be mended from, and is not told to be of another history.
TEST_F(StoreCopyTest, ADamagedCheckpointOfOursIsNotCopiedAndEntriesAre) {
  grow(2);
  ASSERT_TRUE(update());
  const auto own = folder_ / "state/checkpoints.jsonl";
  auto lines = lines_of(own);
  lines.back()[30] ^= 1;  // one that the copy has
  write_lines(own, lines);
  restart();
  grow(1);
  EXPECT_FALSE(update());
  EXPECT_EQ(reason(), "checkpoints_damaged");
  const SignedReport report = verify_copy();
  EXPECT_EQ(report.verdict(), Verdict::passed);
  EXPECT_EQ(report.ledger.entries, 3U);
  std::filesystem::copy_file(shelf_.folder / "checkpoints.jsonl", own,
                             std::filesystem::copy_options::overwrite_existing);
  restart();
  grow(1);
  EXPECT_TRUE(update()) << reason();
}

TEST_F(StoreCopyTest, ACopyWhoseCheckpointsAreOfAnotherKeyIsOfAnotherHistory) {
  grow(2);
  ASSERT_TRUE(update());
  ledger_.reset();
  for (const char* gone : {"ledger.key", "ledger.pub", "checkpoints.jsonl"})
    std::filesystem::remove(folder_ / "state" / gone);
  restart();
  EXPECT_FALSE(update());
  EXPECT_EQ(reason(), "copy_differs");
}

TEST_F(StoreCopyTest, WhatWasRemovedFromACopyIsSentAgain) {
  grow(6);
  ASSERT_TRUE(update());
  std::filesystem::remove(shelf_.folder / "ledger/ledger-000001.jsonl");
  std::filesystem::remove(shelf_.folder / "checkpoints.jsonl");
  ASSERT_TRUE(update());
  EXPECT_EQ(verify_copy().verdict(), Verdict::passed);
}

TEST_F(StoreCopyTest, ASegmentThatIsNotOursIsAnotherHistory) {
  grow(2);
  ASSERT_TRUE(update());
  write_bytes(shelf_.folder / "ledger/ledger-000009.jsonl", "x\n");
  EXPECT_FALSE(update());
  EXPECT_EQ(reason(), "copy_differs");
}

}  // namespace
}  // namespace vigie::testing
