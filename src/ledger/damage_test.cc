// What is found when somebody, or a disk, changed the files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/hash.h"
#include "ledger/chain.h"
#include "ledger/ledger.h"
#include "ledger/verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;
using platform::real_file_system;

class DamageTest : public ::testing::Test {
 protected:
  DamageTest() { EXPECT_TRUE(open()->maintain()); }
  std::unique_ptr<Ledger> open(Bytes segment = 16_MiB) {
    auto opened = Ledger::open(real_file_system(), home_, clock_, {segment, {}});
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }
  void write_entries(int count, Bytes segment = 16_MiB) {
    const auto ledger = open(segment);
    for (int i = 1; i <= count; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));
  }
  VerifyReport verified() { return verify(real_file_system(), home_).value(); }
  // "line what; …"
  std::string problems() {
    std::string all;
    for (const Problem& one : verified().problems)
      all += std::to_string(one.line) + " " + one.what + "; ";
    return all;
  }
  void edit(const std::function<void(std::vector<std::string>&)>& change) {
    auto lines = lines_of(current_);
    change(lines);
    write_lines(current_, lines);
  }
  platform::Path sealed(int number) const {
    return home_ / ("ledger-00000" + std::to_string(number) + ".jsonl");
  }

  TempFolder folder_;
  const platform::Path home_ = folder_ / "ledger";
  const platform::Path current_ = home_ / "ledger.jsonl";
  FakeClock clock_;
};

TEST_F(DamageTest, AnEditIsFoundAtItsLine) {
  write_entries(5);
  edit([](auto& lines) { lines[2].replace(lines[2].find("passed"), 6, "failed"); });
  EXPECT_EQ(problems(), "3 the entry was changed; ");
}

TEST_F(DamageTest, AnEditWithANewHashOfItsOwnIsFoundAtTheNextLine) {
  write_entries(5);
  edit([](auto& lines) {
    auto value = parse_json(lines[2]).value().as_object();
    value["result"] = "failed";
    value.erase("entry_hash");
    value["entry_hash"] = sha256_hex(canonical_json(value));
    lines[2] = canonical_json(value);
  });
  EXPECT_EQ(problems(), "4 does not follow the entry before it; ");
}

TEST_F(DamageTest, ARemovedEntryIsFound) {
  write_entries(5);
  edit([](auto& lines) { lines.erase(lines.begin() + 2); });
  EXPECT_EQ(problems(), "3 entries are missing before it; ");
}

// A forged line, with a hash that fits, that leaves no seq for those behind it.
TEST_F(DamageTest, ASeqThatUsesUpAllOthersIsDamageAndStopsNothing) {
  write_entries(3);
  for (const uint64_t seq : {kMaxSeq, kMaxSeq - 1, kMaxJump + 100}) {
    edit([&](auto& lines) {
      auto entry = parse_json(lines[0]).value().as_object();
      lines.push_back(seal_line(std::move(entry), seq, first_prev_hash()).text);
      lines.back().pop_back();
    });
    EXPECT_EQ(verified().problems.back().what, "its seq cannot be");
    const auto ledger = open();
    EXPECT_TRUE(ledger->view()->damaged());
    const auto recorded = ledger->append(backup_entry(4));
    ASSERT_TRUE(recorded);
    EXPECT_LT(recorded->seq, 50U);
  }
  EXPECT_TRUE(open()->append(backup_entry(5)));
}

TEST_F(DamageTest, ARemovedStartIsFound) {
  write_entries(3);
  edit([](auto& lines) { lines.erase(lines.begin()); });
  EXPECT_EQ(problems(), "1 entries are missing before it; ");
}

TEST_F(DamageTest, AChangedOrderIsFound) {
  write_entries(5);
  edit([](auto& lines) { std::swap(lines[1], lines[2]); });
  EXPECT_EQ(problems(), "2 entries are missing before it; 3 out of order; ");
}

TEST_F(DamageTest, ARepeatedEntryIsFound) {
  write_entries(3);
  edit([](auto& lines) { lines.push_back(lines[1]); });
  EXPECT_EQ(problems(), "4 out of order; ");
}

TEST_F(DamageTest, AForeignLineIsFoundAndTheRestStillHolds) {
  write_entries(3);
  edit([](auto& lines) { lines.insert(lines.begin() + 1, "hello"); });
  EXPECT_EQ(problems(), "2 not an entry; ");
  EXPECT_EQ(verified().entries, 3U);
}

TEST_F(DamageTest, AnEndlessLineIsFoundWithoutBeingKept) {
  write_entries(3);
  edit([](auto& lines) { lines.insert(lines.begin() + 1, std::string(3 << 20, 'x')); });
  EXPECT_EQ(problems(), "2 longer than an entry may be; ");
  EXPECT_EQ(verified().entries, 3U);
}

// Somebody's file with the last name that there can be: the next segment must have a name all the
// same.
TEST_F(DamageTest, AFileWithTheHighestNumberTakesNoEntryAway) {
  for (const char* const name : {"ledger-18446744073709551615.jsonl", "ledger-1000000000.jsonl"}) {
    write_bytes(home_ / name, "");
    write_entries(10, 3_KiB);
  }
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(verified().entries, 20U);
}

TEST_F(DamageTest, WithoutANumberLeftNothingIsAcknowledgedThatNobodyWouldFind) {
  const platform::Path foreign = home_ / "ledger-999999999.jsonl";
  write_bytes(foreign, "");
  const auto ledger = open(3_KiB);
  uint64_t acknowledged = 0;
  for (int i = 1; i <= 10; ++i) acknowledged += ledger->append(backup_entry(i)) ? 1 : 0;
  EXPECT_EQ(ledger->view()->error_code, "ledger_unwritable");
  EXPECT_EQ(verified().entries, acknowledged);
  std::filesystem::remove(foreign);
  EXPECT_TRUE(open(3_KiB)->append(backup_entry(11)));
  EXPECT_TRUE(verified().good());
}

TEST_F(DamageTest, AMissingSegmentIsFound) {
  write_entries(10, 3_KiB);
  ASSERT_TRUE(real_file_system().remove_file(sealed(2)));
  EXPECT_EQ(problems(), "1 entries are missing before it; ");
}

TEST_F(DamageTest, ASealedSegmentThatWasCutIsFound) {
  write_entries(10, 3_KiB);
  std::string bytes = bytes_of(sealed(1));
  write_bytes(sealed(1), bytes.substr(0, bytes.size() - 10));
  EXPECT_EQ(problems().substr(1, 14), " not an entry;");
}

// Every bit of a small ledger.
TEST_F(DamageTest, EveryFlippedBitIsFound) {
  write_entries(3);
  const std::string good = bytes_of(current_);
  const auto is_sound = [](const std::string& bytes) {
    Chain chain;
    std::istringstream in(bytes);
    bool sound = bytes.back() == '\n';
    for (std::string line; std::getline(in, line);)
      sound = chain.judge(line).problem.empty() && sound;
    return sound && chain.last_seq() == 3;
  };
  ASSERT_TRUE(is_sound(good));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_FALSE(is_sound(bad)) << "bit " << bit;
  }
}

TEST_F(DamageTest, ATornLastLineIsCutOff) {
  write_entries(3);
  const std::string good = bytes_of(current_);
  write_bytes(current_, good + good.substr(0, 100));
  EXPECT_TRUE(verified().good());
  EXPECT_EQ(verified().torn.count, 100U);
  const auto ledger = open();
  EXPECT_EQ(ledger->view()->torn.count, 100U);
  EXPECT_FALSE(ledger->view()->damaged());
  EXPECT_EQ(bytes_of(current_), good);
  EXPECT_EQ(ledger->append(backup_entry(4))->seq, 4U);
  EXPECT_TRUE(verified().good());
}

TEST_F(DamageTest, ADamagedSegmentIsSealedAndRecordedInANewOne) {
  write_entries(5);
  edit([](auto& lines) { lines[2][20] = '#'; });
  const std::string damaged = bytes_of(current_);
  const auto ledger = open();
  EXPECT_TRUE(ledger->view()->damaged());
  EXPECT_EQ(bytes_of(sealed(1)), damaged);
  const auto page = ledger->page({.kind = "ledger_damage"});
  ASSERT_EQ(page->entries.size(), 1U);
  const auto& segment = page->entries[0].at("measures").at("segments").at(0);
  EXPECT_EQ(segment.at("segment").as_string(), "ledger-000001.jsonl");
  EXPECT_EQ(segment.at("line").to_number<int>(), 3);
  EXPECT_EQ(page->entries[0].at("seq").to_number<int>(), 6);
  EXPECT_EQ(problems(), "3 the entry was changed; ");
}

TEST_F(DamageTest, ADamagedLastEntryKeepsItsSeq) {
  write_entries(3);
  edit([](auto& lines) { lines[2] = std::string(lines[2].size(), '\0'); });
  const auto ledger = open();
  const auto page = ledger->page({});
  EXPECT_GT(page->entries.back().at("seq").to_number<int>(), 3);
  EXPECT_EQ(page->entries.back().at("prev_hash"), page->entries[1].at("entry_hash"));
  EXPECT_EQ(problems(), "3 not an entry; ");
}

TEST_F(DamageTest, LinesJoinedByDamageKeepTheirSeqs) {
  write_entries(6);
  std::string bytes = bytes_of(current_);
  const size_t from = bytes.find('\n') + 1;
  std::fill(bytes.begin() + static_cast<ptrdiff_t>(from), bytes.end() - 1, '\0');
  write_bytes(current_, bytes);
  EXPECT_GT(open()->append(backup_entry(7))->seq, 6U);
}

TEST_F(DamageTest, IsRecordedOnce) {
  write_entries(5);
  edit([](auto& lines) { lines[2][20] = '#'; });
  open();
  open();
  EXPECT_EQ(open()->page({.kind = "ledger_damage"})->entries.size(), 1U);
}

TEST_F(DamageTest, FurtherDamageIsRecordedAgain) {
  write_entries(5);
  edit([](auto& lines) { lines[2][20] = '#'; });
  open()->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "disk", "T-1").value();
  auto lines = lines_of(sealed(1));
  lines[0][20] = '#';
  write_lines(sealed(1), lines);
  const auto ledger = open();
  EXPECT_TRUE(ledger->view()->damaged());
  EXPECT_EQ(ledger->page({.kind = "ledger_damage"})->entries.size(), 2U);
}

// As many damaged lines as before, and the first is the same: other bytes all the same.
TEST_F(DamageTest, AcknowledgedDamageThatGrowsIsRecordedAgain) {
  write_entries(5);
  edit([](auto& lines) { lines[2][20] = '#'; });
  open()->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "disk", "T-1").value();
  const std::string before = bytes_of(sealed(1));
  auto lines = lines_of(sealed(1));
  lines[2][30] = '#';
  write_lines(sealed(1), lines);
  EXPECT_FALSE(verified().acknowledged);
  const auto ledger = open();
  EXPECT_TRUE(ledger->view()->damaged());
  const auto page = ledger->page({.kind = "ledger_damage"});
  ASSERT_EQ(page->entries.size(), 2U);
  const auto recorded = [&](size_t entry) {
    return page->entries[entry].at("measures").at("segments").at(0).at("sha256").as_string();
  };
  EXPECT_EQ(recorded(0), sha256_hex(before));
  EXPECT_EQ(recorded(1), sha256_hex(bytes_of(sealed(1))));
}

TEST_F(DamageTest, AcknowledgementEndsIt) {
  write_entries(5);
  edit([](auto& lines) { lines[2][20] = '#'; });
  const auto ledger = open();
  ASSERT_TRUE(ledger->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "disk", "T-1"));
  EXPECT_FALSE(ledger->view()->damaged());
  EXPECT_FALSE(open()->view()->damaged());
  EXPECT_TRUE(verified().acknowledged);
  EXPECT_FALSE(verified().good());
  const auto again = ledger->acknowledge_damage({"human", "", {}, {}}, "disk", "T-1");
  EXPECT_EQ(again.error().code(), ErrorCode::nothing_to_acknowledge);
}

TEST_F(DamageTest, PagesOfAChangedOrderLeaveNothingOut) {
  write_entries(6);
  edit([](auto& lines) { std::swap(lines[1], lines[4]); });
  const auto ledger = open();
  const auto read = [&](bool newest_first) {
    std::vector<uint64_t> seqs;
    Filter filter{.newest_first = newest_first, .limit = 2};
    for (std::optional<uint64_t> next = 0; next;) {
      const Page page = ledger->page(filter).value();
      for (const auto& entry : page.entries) seqs.push_back(entry.at("seq").to_number<uint64_t>());
      next = page.next_seq;
      (newest_first ? filter.before_seq : filter.after_seq) = next.value_or(0);
    }
    return seqs;
  };
  auto forward = read(false);
  EXPECT_THAT(forward, ::testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
  std::ranges::reverse(forward);
  EXPECT_EQ(read(true), forward);
}

TEST_F(DamageTest, DamagedLinesAreLeftOutOfReading) {
  write_entries(5);
  edit([](auto& lines) { lines[2][20] = '#'; });
  const auto looking = *Ledger::open(real_file_system(), home_, clock_, {.read_only = true});
  EXPECT_EQ(looking->page({})->entries.size(), 4U);
}

TEST_F(DamageTest, OneLineOfANewerVersionIsDamageAndNotARefusal) {
  write_entries(3);
  edit([](auto& lines) { lines[1].replace(lines[1].find("evidence/1"), 10, "evidence/3"); });
  EXPECT_TRUE(open()->view()->damaged());
}

}  // namespace
}  // namespace vigie::testing
