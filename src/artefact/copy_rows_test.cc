#include "artefact/copy_rows.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace vigie::artefact {
namespace {

constexpr FingerprintKey kKey{7, 1, 2, 3};

CopyRows scan(std::string_view text) {
  CopyRows rows(kKey);
  rows.update(as_bytes(text));
  return rows;
}

// The definition, as plainly as it can be said.
RowSummary oracle(const std::vector<std::string>& lines) {
  RowSummary summary;
  for (const std::string& line : lines) summary.add(hash_row(sip_start(kKey), as_bytes(line)));
  return summary;
}

std::string copy_text(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text + "\\.\n\n\n";
}

TEST(CopyRows, AnEmptyTableIsTheTrailerAlone) {
  const CopyRows rows = scan("\\.\n\n\n");
  EXPECT_TRUE(rows.complete());
  EXPECT_EQ(rows.summary(), RowSummary{});
}

TEST(CopyRows, RowsOfATableWithoutColumnsAreBareNewlines) {
  const CopyRows rows = scan("\n\n\\.\n\n\n");
  EXPECT_TRUE(rows.complete());
  EXPECT_EQ(rows.summary(), oracle({"", ""}));
}

TEST(CopyRows, AnEscapedTrailerInTheDataIsARow) {
  const CopyRows rows = scan("\\\\.\n\\.\n\n\n");
  EXPECT_TRUE(rows.complete());
  EXPECT_EQ(rows.summary(), oracle({"\\\\."}));
}

TEST(CopyRows, ALineThatBeginsLikeTheTrailerIsARow) {
  EXPECT_EQ(scan(copy_text({"\\.x", "\\", "."})).summary(), oracle({"\\.x", "\\", "."}));
}

TEST(CopyRows, EveryCutGivesTheSame) {
  const std::vector<std::string> lines = {"1\tone\t\\N", "", "\\\\.", "\\.x", "long line of text"};
  const std::string text = copy_text(lines);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    for (size_t second = cut; second <= text.size(); ++second) {
      CopyRows rows(kKey);
      rows.update(as_bytes(std::string_view(text).substr(0, cut)));
      rows.update(as_bytes(std::string_view(text).substr(cut, second - cut)));
      rows.update(as_bytes(std::string_view(text).substr(second)));
      ASSERT_TRUE(rows.complete()) << cut << " " << second;
      ASSERT_EQ(rows.summary(), oracle(lines)) << cut << " " << second;
    }
  }
}

TEST(CopyRows, IsCompleteOnlyAtTheLastByte) {
  const std::string text = copy_text({"a", "", "b"});
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_FALSE(scan(text.substr(0, length)).complete()) << length;
  }
}

TEST(CopyRows, AnythingAfterTheTrailerBreaksIt) {
  EXPECT_EQ(scan("a\n\\.\n\n\n\n").state(), CopyRows::State::broken);
  EXPECT_EQ(scan("a\n\\.\n\n\nrow\n").state(), CopyRows::State::broken);
  EXPECT_EQ(scan("a\n\\.\nrow\n").state(), CopyRows::State::broken);
}

TEST(CopyRows, WhatIsBrokenStaysBroken) {
  CopyRows rows = scan("\\.\n\n\nx");
  rows.update(as_bytes("\\.\n\n\n"));
  EXPECT_EQ(rows.state(), CopyRows::State::broken);
}

TEST(CopyRows, TheOrderOfRowsDoesNotMatter) {
  EXPECT_EQ(scan(copy_text({"a", "b", "c"})).summary(), scan(copy_text({"c", "a", "b"})).summary());
}

TEST(CopyRows, ADoubledRowIsNotCancelledOut) {
  EXPECT_NE(scan(copy_text({"a", "a", "b"})).summary().fingerprint,
            scan(copy_text({"b"})).summary().fingerprint);
}

TEST(CopyRows, AMovedLineBreakIsFound) {
  EXPECT_NE(scan(copy_text({"ab", "c"})).summary(), scan(copy_text({"a", "bc"})).summary());
}

TEST(CopyRows, RandomTextInRandomPiecesMatchesTheDefinition) {
  std::mt19937 random(3);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> lines(random() % 40);
    for (std::string& line : lines) {
      line.assign(random() % 4 == 0 ? random() % 3 : random() % 90, 'x');
      for (char& c : line) c = "ab\\.\t0"[random() % 6];
      if (line == "\\.") line += ".";
    }
    const std::string text = copy_text(lines);
    CopyRows rows(kKey);
    for (size_t at = 0; at < text.size();) {
      const size_t length = std::min<size_t>(1 + random() % 50, text.size() - at);
      rows.update(as_bytes(std::string_view(text).substr(at, length)));
      at += length;
    }
    ASSERT_TRUE(rows.complete());
    ASSERT_EQ(rows.summary(), oracle(lines));
  }
}

TEST(CopyRows, ARowOf128MiBIsOneRow) {
  CopyRows rows(kKey);
  RowHash whole(sip_start(kKey));
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 128; ++i) {
    rows.update(as_bytes(piece));
    whole.update(as_bytes(piece));
  }
  rows.update(as_bytes("\n\\.\n\n\n"));
  EXPECT_TRUE(rows.complete());
  EXPECT_EQ(rows.summary().rows, 1U);
  EXPECT_EQ(rows.summary().fingerprint, whole.finish());
}

TEST(RowCounter, CountsLinesWithAndWithoutTheirNewline) {
  RowCounter counter(kKey);
  counter.add("a\n");
  counter.add("b");
  EXPECT_EQ(counter.summary(), oracle({"a", "b"}));
}

}  // namespace
}  // namespace vigie::artefact
