// The end of the ledger: what an interrupted append leaves is cut off, everything else is damage
// and keeps its seqs; and what a disk refuses to read does not keep the ledger from going on.
#include <gtest/gtest.h>

#include <cerrno>
#include <map>

#include "ledger/ledger.h"
#include "ledger/line.h"
#include "ledger/verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;
using platform::Path;

constexpr int kEntries = 30;

// A disk with bad sectors: they cannot be read, whatever the rest does.
class BadSectors final : public platform::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;

  void spoil(const Path& path, uint64_t offset) { bad_[path] = offset; }
  void refuse_to_open(const Path& path) { closed_ = path; }
  void claim_size(const Path& path, Bytes size) { claimed_ = {path, size}; }

  Result<std::unique_ptr<platform::ReadableFile>> open_read(const Path& path) override {
    if (path == closed_) return fail(platform::file_error(EMFILE, path));
    TRY_ASSIGN(auto file, below().open_read(path));
    if (!bad_.contains(path)) return file;
    return std::make_unique<File>(std::move(file), path, bad_.at(path));
  }
  Result<platform::FileInfo> info(const Path& path) override {
    auto info = below().info(path);
    if (info && path == claimed_.first) info->size = claimed_.second;
    return info;
  }
  // The sectors stay bad under another name.
  Result<> rename_new(const Path& from, const Path& to) override {
    TRY(below().rename_new(from, to));
    if (auto moved = bad_.extract(from)) bad_[to] = moved.mapped();
    return {};
  }

 private:
  class File final : public platform::ReadableFile {
   public:
    File(std::unique_ptr<platform::ReadableFile> below, Path path, uint64_t bad)
        : below_(std::move(below)), path_(std::move(path)), bad_(bad) {}
    Result<size_t> read_at(uint64_t offset, std::span<unsigned char> into) const override {
      const bool meets = offset <= bad_ && bad_ < offset + into.size();
      if (meets) return fail(platform::file_error(EIO, path_));
      return below_->read_at(offset, into);
    }
    Result<Bytes> size() const override { return below_->size(); }

   private:
    std::unique_ptr<platform::ReadableFile> below_;
    Path path_;
    uint64_t bad_;
  };

  std::map<Path, uint64_t> bad_;
  Path closed_;
  std::pair<Path, Bytes> claimed_;
};

class LostTail : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Ledger>> try_open(Bytes segment = 16_MiB) {
    return Ledger::open(files_, home_, clock_, {segment, {}});
  }
  std::unique_ptr<Ledger> open(Bytes segment = 16_MiB) {
    auto opened = try_open(segment);
    EXPECT_TRUE(opened);
    return opened ? std::move(*opened) : nullptr;
  }
  void write_entries(int count = kEntries, Bytes segment = 16_MiB) {
    const auto ledger = open(segment);
    for (int i = 1; i <= count; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  }
  VerifyReport verified() { return verify(files_, home_).value(); }

  // The ledger is what `bytes` say when it is opened: nothing of it is cut or used again.
  void expect_damage(const std::string& bytes) {
    write_bytes(current_, bytes);
    EXPECT_FALSE(verified().good());
    const auto ledger = open();
    ASSERT_TRUE(ledger);
    EXPECT_TRUE(ledger->view()->damaged());
    EXPECT_EQ(ledger->view()->torn.count, 0U);
    EXPECT_EQ(bytes_of(home_ / "ledger-000001.jsonl"), bytes);
    EXPECT_GT(ledger->append(backup_entry(99))->seq, uint64_t{kEntries});
    expect_recorded_once();
  }
  void expect_recorded_once() {
    const auto again = open();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->page({.kind = "ledger_damage"})->entries.size(), 1U);
    EXPECT_TRUE(again->view()->damaged());
    EXPECT_EQ(verified().problem_count, 1U);
  }

  TempFolder folder_;
  const Path home_ = folder_ / "ledger";
  const Path current_ = home_ / "ledger.jsonl";
  FaultyFileSystem below_{folder_.path()};
  BadSectors files_{below_};
  FakeClock clock_;
};

TEST_F(LostTail, ALastPageOfZerosIsDamage) {
  write_entries();
  std::string bytes = bytes_of(current_);
  expect_damage(bytes.replace(bytes.size() - 4096, 4096, 4096, '\0'));
}

TEST_F(LostTail, ZerosBehindTheLastLineAreDamage) {
  write_entries();
  expect_damage(bytes_of(current_) + std::string(2 << 20, '\0'));
}

TEST_F(LostTail, ASegmentOfZerosIsDamage) {
  write_entries();
  expect_damage(std::string(bytes_of(current_).size(), '\0'));
}

TEST_F(LostTail, ABeginningThatEndsInZerosIsDamage) {
  write_entries();
  const std::string good = bytes_of(current_);
  expect_damage(good + good.substr(0, 100) + std::string(50, '\0'));
}

TEST_F(LostTail, AForeignEndIsDamage) {
  write_entries();
  expect_damage(bytes_of(current_) + "hello");
}

TEST_F(LostTail, AnEndlessEndIsDamage) {
  write_entries();
  const std::string good = bytes_of(current_);
  expect_damage(good + good.substr(0, good.find("nightly") + 3) + std::string(1 << 20, 'x'));
}

TEST_F(LostTail, ALastLineFeedThatIsAnotherByteIsDamage) {
  write_entries();
  std::string bytes = bytes_of(current_);
  bytes.back() = '*';
  expect_damage(bytes);
}

TEST_F(LostTail, ABeginningOfALineIsCutOff) {
  write_entries(2);
  const std::string good = bytes_of(current_);
  const std::string line = good.substr(good.find('\n') + 1);
  for (const size_t length : {size_t{1}, size_t{10}, line.size() / 2, line.size() - 1}) {
    write_bytes(current_, good + line.substr(0, length));
    const auto ledger = open();
    ASSERT_FALSE(ledger->view()->damaged()) << length;
    ASSERT_EQ(ledger->view()->torn.count, length);
    ASSERT_EQ(bytes_of(current_), good);
  }
}

TEST_F(LostTail, ABadSectorInTheCurrentSegmentDoesNotStopTheWork) {
  write_entries();
  const std::string bytes = bytes_of(current_);
  files_.spoil(current_, 5000);
  const auto ledger = open();
  ASSERT_TRUE(ledger);
  EXPECT_TRUE(ledger->view()->damaged());
  EXPECT_EQ(bytes_of(home_ / "ledger-000001.jsonl"), bytes);
  EXPECT_GT(ledger->append(backup_entry(99))->seq, uint64_t{kEntries});
  expect_recorded_once();
}

TEST_F(LostTail, WhatStandsBeforeABadSectorIsStillRead) {
  constexpr int kMany = 2000;  // more than one buffer
  write_entries(kMany);
  files_.spoil(current_, bytes_of(current_).size() - 1);
  const auto ledger = open();
  ASSERT_TRUE(ledger);
  EXPECT_EQ(ledger->page({.limit = 3})->entries.size(), 3U);
  EXPECT_GT(ledger->append(backup_entry(99))->seq, uint64_t{kMany});
}

TEST_F(LostTail, ABadSectorInTheNewestSealedSegmentDoesNotStopTheWork) {
  write_entries();
  ASSERT_TRUE(below_.rename_new(current_, home_ / "ledger-000001.jsonl"));  // died after sealing
  files_.spoil(home_ / "ledger-000001.jsonl", 0);
  const auto ledger = open();
  ASSERT_TRUE(ledger);
  EXPECT_TRUE(ledger->view()->damaged());
  EXPECT_GT(ledger->append(backup_entry(99))->seq, uint64_t{kEntries});
  expect_recorded_once();
}

TEST_F(LostTail, WithoutASeqLeftNothingIsWritten) {
  write_entries();
  const Path sealed = home_ / "ledger-000001.jsonl";
  ASSERT_TRUE(below_.rename_new(current_, sealed));
  files_.spoil(sealed, 0);
  files_.claim_size(sealed, Bytes{kMaxSeq * 400});
  const auto ledger = open();
  ASSERT_TRUE(ledger);
  const auto refused = ledger->append(backup_entry(99));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::ledger_unwritable);
  EXPECT_EQ(bytes_of(current_), "");
}

// One disk for each call that power fails at.
struct BadDisk {
  BadDisk() {
    const auto ledger = open().value();
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(ledger->append(backup_entry(i)));
    sectors.spoil(folder / "ledger" / "ledger.jsonl", 500);
  }
  Result<std::unique_ptr<Ledger>> open() {
    return Ledger::open(sectors, folder / "ledger", clock, {16_MiB, {}});
  }

  TempFolder folder;
  FaultyFileSystem files{folder.path()};
  BadSectors sectors{files};
  FakeClock clock;
};

TEST(LostTailCrash, PowerLossWhileABadSectorIsRecordedUsesNoSeqAgain) {
  const size_t calls = [] {
    BadDisk disk;
    const size_t before = disk.files.calls();
    EXPECT_TRUE(disk.open());
    return disk.files.calls() - before;
  }();
  for (size_t call = 0; call < calls; ++call) {
    BadDisk disk;
    disk.files.fail_from(disk.files.calls() + call, Fault::power);
    { (void)disk.open(); }
    disk.files.crash(call);
    const auto ledger = disk.open();
    ASSERT_TRUE(ledger);
    EXPECT_TRUE((*ledger)->view()->damaged());
    EXPECT_EQ((*ledger)->page({.kind = "ledger_damage"})->entries.size(), 1U) << call;
    EXPECT_GT((*ledger)->view()->last_seq, 3U) << call;
  }
}

TEST_F(LostTail, TooManyOpenFilesAreNoDamage) {
  write_entries();
  files_.refuse_to_open(current_);
  EXPECT_FALSE(try_open());
  files_.refuse_to_open({});
  EXPECT_FALSE(open()->view()->damaged());
  EXPECT_TRUE(verified().good());
}

}  // namespace
}  // namespace vigie::testing
