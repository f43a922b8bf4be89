// Lines out of files of any size, against a slow and obviously right way to cut them.
#include "ledger/segments.h"

#include <gtest/gtest.h>

#include <sstream>

#include "ledger/chain.h"
#include "ledger/entry_json.h"
#include "ledger/verify.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

constexpr size_t kBuffer = 1 << 20;

struct Cut {
  std::vector<std::string> lines;  // "" for one that is too long
  std::vector<uint64_t> offsets;
  uint64_t whole = 0;
  std::string torn;
  bool operator==(const Cut&) const = default;
};

Cut expected_cut(const std::string& bytes) {
  Cut cut;
  std::istringstream in(bytes);
  for (std::string line; std::getline(in, line);) {
    if (in.eof()) {
      cut.torn = line.size() > kMaxLine.count ? "" : line;
      break;
    }
    cut.offsets.push_back(cut.whole);
    cut.whole += line.size() + 1;
    cut.lines.push_back(line.size() > kMaxLine.count ? "" : line);
  }
  return cut;
}

Cut scanned_cut(const std::string& bytes) {
  const TempFolder folder;
  write_bytes(folder / "segment", bytes);
  const auto file = platform::real_file_system().open_read(folder / "segment").value();
  Cut cut;
  const auto scanned = scan_lines(*file, [&](const RawLine& line) {
                         EXPECT_EQ(line.number, cut.lines.size() + 1);
                         EXPECT_EQ(line.too_long, line.length > kMaxLine.count);
                         cut.lines.emplace_back(line.text);
                         cut.offsets.push_back(line.offset);
                       }).value();
  cut.whole = scanned.whole.count;
  cut.torn = scanned.torn_text;
  EXPECT_EQ(scanned.whole.count + scanned.torn.count, bytes.size());
  return cut;
}

// Lines of these lengths, each of another letter, and what is torn behind them.
std::string text_of(const std::vector<size_t>& lengths, size_t torn) {
  std::string bytes;
  char letter = 'a';
  for (const size_t length : lengths) {
    bytes += std::string(length, letter) + "\n";
    letter = letter == 'z' ? 'a' : static_cast<char>(letter + 1);
  }
  return bytes + std::string(torn, 'T');
}

void expect_same_cut(const std::vector<size_t>& lengths, size_t torn) {
  const std::string bytes = text_of(lengths, torn);
  EXPECT_TRUE(scanned_cut(bytes) == expected_cut(bytes)) << ::testing::PrintToString(lengths);
}

TEST(ScanLines, CarriesLinesOverTheEndOfItsBuffer) {
  expect_same_cut(std::vector<size_t>(5000, 799), 0);
  expect_same_cut(std::vector<size_t>(40, 100'000), 12'345);
}

TEST(ScanLines, CutsAtTheVeryEdgesOfItsBuffer) {
  const size_t half = kMaxLine.count - 1;
  for (const size_t last : {half - 1, half, half + 1})
    expect_same_cut({half, half, half, last, 10}, 0);
  expect_same_cut({half, half, half, half}, 0);
  expect_same_cut({half, half, half, half}, 1);
}

TEST(ScanLines, KnowsTheLongestLineFromOneThatIsTooLong) {
  const size_t longest = kMaxLine.count;
  expect_same_cut({10, longest, 10, longest + 1, 10}, longest);
  expect_same_cut({10, 5 * kBuffer, 10, kBuffer - 11, kBuffer, 10}, longest + 1);
  expect_same_cut({}, 3 * kBuffer);
  expect_same_cut({}, 0);
}

// A ledger like those that are written, in one segment of more than one buffer.
TEST(ScanLines, ASoundSegmentOfManyBuffersIsSound) {
  const TempFolder folder;
  Chain chain;
  std::string bytes;
  for (uint64_t seq = 1; bytes.size() < 3 * kBuffer; ++seq) {
    json::object entry = to_json(backup_entry(static_cast<int>(seq)), std::string(32, 'f')).value();
    entry["reason"] = std::string(seq * 37 % 5000, 'x');
    const SealedLine line = seal_line(std::move(entry), seq, chain.head());
    ASSERT_EQ(chain.judge({line.text.data(), line.text.size() - 1}).problem, "");
    bytes += line.text;
  }
  ASSERT_TRUE(platform::real_file_system().create_folder(folder / "ledger"));
  write_bytes(folder / "ledger" / "ledger.jsonl", bytes);
  const auto report = verify(platform::real_file_system(), folder / "ledger");
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->good());
  EXPECT_EQ(report->last_seq, chain.last_seq());
  EXPECT_EQ(report->size.count, bytes.size());
}

}  // namespace
}  // namespace vigie::testing
