// Lines of checkpoints.jsonl: what is signed, what follows what, and what shows.
#include "ledger/checkpoint.h"

#include <gtest/gtest.h>

#include "base/hash.h"

namespace vigie::ledger {
namespace {

const SystemTime kAt = *parse_rfc3339("2026-11-20T02:00:00Z");

std::string head(uint64_t size) {
  return sha256_hex(std::to_string(size));
}

// A file as its writer makes it.
struct Written {
  CheckpointChain chain;
  std::vector<std::string> lines;
  SigningKey key = SigningKey::generate();

  Written() { take(chain.introduction(key, kAt, key)); }
  void take(const std::string& line) {
    lines.push_back(line.substr(0, line.size() - 1));
    EXPECT_EQ(chain.judge(lines.back()), "");
  }
  void checkpoint(uint64_t size) { take(chain.next(size, head(size), kAt, key)); }
  void rotate() {
    SigningKey next = SigningKey::generate();
    take(chain.introduction(next, kAt, key));
    key = std::move(next);
  }
};

Written sample() {
  Written written;
  written.checkpoint(3);
  written.checkpoint(7);
  written.rotate();
  written.checkpoint(9);
  return written;
}

std::vector<std::string> problems_of(const std::vector<std::string>& lines) {
  CheckpointChain chain;
  std::vector<std::string> problems;
  for (const std::string& line : lines) {
    if (const auto problem = chain.judge(line); !problem.empty()) problems.emplace_back(problem);
  }
  return problems;
}

std::string changed(std::string line, std::string_view from, std::string_view to) {
  const size_t at = line.find(from);
  EXPECT_NE(at, std::string::npos);
  return line.replace(at, from.size(), to);
}

using Problems = std::vector<std::string>;

TEST(Checkpoint, ASoundFileHasNoProblem) {
  const Written written = sample();
  EXPECT_EQ(problems_of(written.lines), Problems{});
  EXPECT_EQ(written.chain.newest().size, 9U);
  EXPECT_EQ(written.chain.newest().head, head(9));
  EXPECT_EQ(written.chain.keys().size(), 2U);
}

TEST(Checkpoint, AnEditedLineDoesNotFitItsSignature) {
  auto lines = sample().lines;
  lines[1] = changed(lines[1], "\"size\":3", "\"size\":4");
  EXPECT_EQ(problems_of(lines), Problems{"its signature does not fit"});
}

TEST(Checkpoint, AnotherFormOfTheSameLineIsNotIt) {
  auto lines = sample().lines;
  lines[1] += " ";
  EXPECT_EQ(problems_of(lines), Problems{"not a checkpoint"});
}

TEST(Checkpoint, ARemovedLineShows) {
  auto lines = sample().lines;
  lines.erase(lines.begin() + 1);
  EXPECT_EQ(problems_of(lines), Problems{"checkpoints are missing before it"});
}

TEST(Checkpoint, ARepeatedLineShows) {
  auto lines = sample().lines;
  lines.insert(lines.begin() + 2, lines[1]);
  EXPECT_EQ(problems_of(lines), Problems{"out of order"});
}

TEST(Checkpoint, ALineThatLinksElsewhereShows) {
  Written written = sample();
  Written other;
  other.key = SigningKey::generate();
  CheckpointChain chain;
  EXPECT_EQ(chain.judge(written.lines[0]), "");
  // Signed rightly, at the right place, of another past.
  const std::string line = other.chain.next(3, head(3), kAt, written.key);
  EXPECT_EQ(chain.judge(line.substr(0, line.size() - 1)), "its key is not listed");
}

TEST(Checkpoint, ASizeThatDoesNotGrowShows) {
  Written written;
  written.checkpoint(5);
  const std::string line = written.chain.next(5, head(5), kAt, written.key);
  EXPECT_EQ(written.chain.judge(line.substr(0, line.size() - 1)),
            "its size is not beyond the one before");
}

TEST(Checkpoint, AReplacedKeySignsNothingMore) {
  Written written;
  const SigningKey old = *SigningKey::from_pem(written.key.pem().reveal());
  written.rotate();
  const std::string line = written.chain.next(5, head(5), kAt, old);
  EXPECT_EQ(written.chain.judge(line.substr(0, line.size() - 1)),
            "signed with a key that was replaced");
}

TEST(Checkpoint, AKeyThatNobodyIntroducedSignsNothing) {
  Written written;
  const SigningKey other = SigningKey::generate();
  const std::string line = written.chain.introduction(other, kAt, other);
  EXPECT_EQ(written.chain.judge(line.substr(0, line.size() - 1)), "its key is not listed");
}

// Whoever has a public key only cannot make it part of his own file.
TEST(Checkpoint, AKeyIsIntroducedByItsHolderOnly) {
  Written written;
  const SigningKey victim = SigningKey::generate();
  std::string line = written.chain.introduction(victim, kAt, written.key);
  const std::string without = changed(line, "\"new_sig\":\"", "\"new_sig\":\"00");
  EXPECT_EQ(written.chain.judge(without.substr(0, without.size() - 1)),
            "its signature does not fit");
}

TEST(Checkpoint, WhatFollowsADamagedLineIsStillJudged) {
  Written written = sample();
  written.lines[1] = "damaged";
  EXPECT_EQ(problems_of(written.lines), Problems{"not a checkpoint"});
  written.lines.insert(written.lines.begin() + 2, "inserted");
  EXPECT_EQ(problems_of(written.lines), (Problems{"not a checkpoint", "not a checkpoint"}));
}

TEST(Checkpoint, AWriterGoesOnBehindADamagedLine) {
  const Written written = sample();
  auto lines = written.lines;
  lines[2] = "damaged";
  CheckpointChain chain;
  for (const std::string& line : lines) (void)chain.judge(line);
  const std::string line = chain.next(12, head(12), kAt, written.key);
  lines.push_back(line.substr(0, line.size() - 1));
  EXPECT_EQ(problems_of(lines), Problems{"not a checkpoint"});
}

TEST(Checkpoint, TheLastSignatureVouchesForAll) {
  auto lines = sample().lines;
  const auto holds = [&] {
    CheckpointChain chain(Signatures::last);
    bool good = true;
    for (const std::string& line : lines) good = chain.judge(line).empty() && good;
    return good && chain.holds();
  };
  EXPECT_TRUE(holds());
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string line = lines[i];
    lines[i] = changed(line, "\"at\":\"2026", "\"at\":\"2025");
    EXPECT_FALSE(holds()) << i;
    lines[i] = line;
  }
}

// The next line does not link to it: the last one vouches for nothing before that.
TEST(Checkpoint, AnEditedLineInTheMidstIsNotVouchedForByTheLast) {
  auto lines = sample().lines;
  lines[1] = changed(lines[1], "\"size\":3", "\"size\":900");
  CheckpointChain chain(Signatures::last);
  for (const std::string& line : lines) (void)chain.judge(line);
  EXPECT_FALSE(chain.holds());
}

TEST(Checkpoint, OfANewerReleaseIsTold) {
  EXPECT_EQ(problems_of({R"({"at":"x","schema":"vigie.checkpoint/2"})"}),
            Problems{"of a newer release"});
}

TEST(Checkpoint, ABeginningIsWhatAnAppendLeaves) {
  const std::string line = sample().lines[1];
  for (size_t size = 0; size <= line.size(); ++size)
    EXPECT_TRUE(is_beginning_of_checkpoint(line.substr(0, size))) << size;
  EXPECT_FALSE(is_beginning_of_checkpoint(std::string(4, '\0')));
  EXPECT_FALSE(is_beginning_of_checkpoint("{\"no"));
  EXPECT_FALSE(is_beginning_of_checkpoint(line + std::string(2000, ' ')));
}

TEST(Signing, KeysGoThroughPemAndBack) {
  const SigningKey key = SigningKey::generate();
  const auto again = SigningKey::from_pem(key.pem().reveal());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), key.public_key());
  EXPECT_EQ(PublicKey::from_pem(key.public_key().pem()), key.public_key());
  EXPECT_EQ(PublicKey::from_hex(key.public_key().hex()), key.public_key());
  EXPECT_EQ(key.public_key().id().size(), 16U);
  EXPECT_TRUE(key.public_key().verify("words", again->sign("words")));
  EXPECT_FALSE(key.public_key().verify("word", again->sign("words")));
}

TEST(Signing, WhatIsNoKeyIsRefused) {
  EXPECT_FALSE(PublicKey::from_pem(""));
  EXPECT_FALSE(PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
  EXPECT_FALSE(PublicKey::from_hex("00"));
  EXPECT_FALSE(SigningKey::from_pem("no key"));
  EXPECT_FALSE(SigningKey::generate().public_key().verify("words", "zz"));
  EXPECT_FALSE(SigningKey::generate().public_key().verify("words", std::string(128, '0')));
}

// RFC 8032, 7.1, test 2.
TEST(Signing, IsEd25519) {
  const auto key =
      PublicKey::from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->verify("\x72",
                          "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                          "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"));
}

}  // namespace
}  // namespace vigie::ledger
