// What the signed checkpoints show of a ledger, with the public key alone.
#include "ledger/signed_verify.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "ledger/checkpoints.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

class SignedVerify : public ::testing::Test {
 protected:
  SignedVerify() { make_sound(); }

  // Six entries; checkpoints at 2, 4 and 6.
  void make_sound() {
    auto ledger = open();
    Checkpoints checkpoints(files_, home_, clock_);
    ASSERT_TRUE(checkpoints.open());
    for (int i = 1; i <= 6; ++i) {
      ASSERT_TRUE(ledger->append(backup_entry(i)));
      const bool signs = i % 2 == 0;
      ASSERT_TRUE(!signs || checkpoints.make(*ledger->view()));
    }
    key_ = *read_public_key(files_, folder_ / "ledger.pub");
  }
  std::unique_ptr<Ledger> open() {
    return Ledger::open(files_, home_, clock_, {16_MiB, {}}).value();
  }
  SignedReport verify(bool with_key = true) {
    auto report = verify_signed(files_, place_of(files_, folder_.path()),
                                with_key ? std::optional(key_) : std::nullopt);
    EXPECT_TRUE(report);
    return std::move(*report);
  }
  std::vector<std::string> problems(bool with_key = true) {
    std::vector<std::string> out;
    for (const Problem& one : verify(with_key).checkpoints.problems) out.push_back(one.what);
    return out;
  }
  // The mark went with the entries: whoever cut them off cut it too.
  void keep(size_t entries) {
    auto lines = lines_of(current_);
    lines.resize(entries);
    write_lines(current_, lines);
    std::filesystem::remove(folder_ / "ledger.mark");
  }
  void write_anew() {
    std::filesystem::remove_all(home_);
    std::filesystem::remove(folder_ / "ledger.mark");
    auto ledger = open();
    for (int i = 1; i <= 6; ++i) ASSERT_TRUE(ledger->append(backup_entry(i)));  // with other ids
  }

  platform::FileSystem& files_ = platform::real_file_system();
  TempFolder folder_;
  const platform::Path home_ = folder_ / "ledger";
  const platform::Path current_ = home_ / "ledger.jsonl";
  const platform::Path lines_ = folder_ / "checkpoints.jsonl";
  FakeClock clock_;
  PublicKey key_;
};

using Words = std::vector<std::string>;

TEST_F(SignedVerify, ASoundLedgerPasses) {
  const SignedReport report = verify();
  EXPECT_EQ(report.verdict(), Verdict::passed);
  EXPECT_TRUE(report.checkpoints.trusted);
  EXPECT_EQ(report.checkpoints.matched, 3U);
  EXPECT_EQ(report.checkpoints.newest.size, 6U);
  EXPECT_EQ(report.checkpoints.newest.head, report.ledger.head);
}

TEST_F(SignedVerify, ACutTailShows) {
  keep(5);
  EXPECT_EQ(verify().ledger.problem_count, 0U) << "the chain alone does not show it";
  EXPECT_EQ(problems(), Words{"the ledger ends before it"});
  EXPECT_EQ(verify().verdict(), Verdict::failed);
}

TEST_F(SignedVerify, AChainWrittenAnewShows) {
  write_anew();
  EXPECT_EQ(verify().ledger.problem_count, 0U);
  EXPECT_EQ(problems(), Words(3, "another entry stands in its place"));
}

TEST_F(SignedVerify, AChainAndCheckpointsWrittenAnewShowByTheKey) {
  write_anew();
  for (const char* name : {"checkpoints.jsonl", "ledger.key", "ledger.pub"})
    std::filesystem::remove(folder_ / name);
  Checkpoints checkpoints(files_, home_, clock_);
  ASSERT_TRUE(checkpoints.open());
  ASSERT_TRUE(checkpoints.make(*open()->view()));
  EXPECT_EQ(problems(false), Words{}) << "whoever trusts the key beside it sees nothing";
  EXPECT_EQ(problems(), Words{"no line is signed with the given key"});
  EXPECT_FALSE(verify().checkpoints.trusted);
}

TEST_F(SignedVerify, AnEditedCheckpointShows) {
  auto lines = lines_of(lines_);
  lines[2].replace(lines[2].find("\"size\":4"), 8, "\"size\":5");
  write_lines(lines_, lines);
  EXPECT_EQ(problems(), Words{"its signature does not fit"});
}

// Else new entries would be numbered behind a size that nobody has signed.
TEST_F(SignedVerify, AnEditedCheckpointIsNotTakenForTheNewest) {
  auto lines = lines_of(lines_);
  const size_t at = lines[1].find("\"size\":2");
  ASSERT_NE(at, std::string::npos);
  lines[1].replace(at, 8, "\"size\":912");
  write_lines(lines_, lines);
  Checkpoints checkpoints(files_, home_, clock_);
  EXPECT_FALSE(checkpoints.open());
  EXPECT_EQ(checkpoints.newest().seq, 6U);
}

TEST_F(SignedVerify, ARemovedCheckpointShows) {
  auto lines = lines_of(lines_);
  lines.erase(lines.begin() + 2);
  write_lines(lines_, lines);
  EXPECT_EQ(problems(), Words{"checkpoints are missing before it"});
}

TEST_F(SignedVerify, RemovedCheckpointsShowAsLongAsThereIsAKey) {
  std::filesystem::remove(lines_);
  EXPECT_EQ(problems(false), Words{"the checkpoints are missing"});
  EXPECT_EQ(problems(true), Words{"the checkpoints are missing"});
  EXPECT_EQ(verify(true).verdict(), Verdict::failed);
}

TEST_F(SignedVerify, RemovedCheckpointsAndTheKeyShowWhenTheLedgerNamesOne) {
  for (const char* name : {"checkpoints.jsonl", "ledger.pub"})
    std::filesystem::remove(folder_ / name);
  EXPECT_EQ(verify().verdict(), Verdict::could_not_verify) << "a copy of ledger/ alone";
  Entry rotation = backup_entry(7);
  rotation.kind = kind::kSigningKey;
  ASSERT_TRUE(open()->append(rotation));
  EXPECT_EQ(problems(), Words{"the checkpoints are missing"});
  EXPECT_EQ(problems(false), Words{}) << "nobody has asked for signatures";
}

TEST_F(SignedVerify, ATornLastLineNeverCounted) {
  write_bytes(lines_, bytes_of(lines_) + R"({"at":"2026)");
  EXPECT_EQ(verify().verdict(), Verdict::passed);
  write_bytes(lines_, bytes_of(lines_) + std::string(3, '\0'));
  EXPECT_EQ(problems(), Words{"not a checkpoint"});
}

TEST_F(SignedVerify, AnOldKeyStillVerifiesAfterARotation) {
  Checkpoints checkpoints(files_, home_, clock_);
  ASSERT_TRUE(checkpoints.open());
  const auto change = checkpoints.rotate();
  ASSERT_TRUE(change);
  EXPECT_EQ(change->old_id, key_.id());
  auto ledger = open();
  ASSERT_TRUE(ledger->append(backup_entry(7)));
  ASSERT_TRUE(checkpoints.make(*ledger->view()));
  EXPECT_EQ(verify().verdict(), Verdict::passed);
  key_ = *read_public_key(files_, folder_ / "ledger.pub");
  EXPECT_EQ(key_.id(), change->new_id);
  EXPECT_EQ(verify().verdict(), Verdict::passed);
}

TEST_F(SignedVerify, ACopyOfTheFolderNeedsNoPrivateKey) {
  const TempFolder elsewhere;
  std::filesystem::copy(home_, elsewhere / "ledger");
  std::filesystem::copy(lines_, elsewhere / "checkpoints.jsonl");
  for (const auto& given : {elsewhere.path(), elsewhere / "ledger", elsewhere / "ledger" / ""}) {
    const auto report = verify_signed(files_, place_of(files_, given), key_);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->verdict(), Verdict::passed) << given;
  }
}

TEST_F(SignedVerify, AKeyThatOthersMayReadSignsNothing) {
  ASSERT_EQ(::chmod((folder_ / "ledger.key").c_str(), 0644), 0);
  Checkpoints checkpoints(files_, home_, clock_);
  const auto opened = checkpoints.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::signing_key_invalid);
  EXPECT_EQ(checkpoints.view()->error_code, "signing_key_invalid");
  EXPECT_EQ(checkpoints.view()->size, 6U);
}

TEST_F(SignedVerify, ALostKeyIsNotReplacedInSilence) {
  std::filesystem::remove(folder_ / "ledger.key");
  Checkpoints checkpoints(files_, home_, clock_);
  EXPECT_FALSE(checkpoints.open());
  auto ledger = open();
  ASSERT_TRUE(ledger->append(backup_entry(7)));
  EXPECT_FALSE(checkpoints.make(*ledger->view()));
  EXPECT_EQ(verify().checkpoints.newest.size, 6U);
}

TEST_F(SignedVerify, AWriterGoesOnBehindDamageAndSaysSo) {
  auto lines = lines_of(lines_);
  lines[2] = "damaged";
  write_lines(lines_, lines);
  write_bytes(lines_, bytes_of(lines_) + std::string(3, '\0'));
  Checkpoints checkpoints(files_, home_, clock_);
  EXPECT_FALSE(checkpoints.open());
  auto ledger = open();
  ASSERT_TRUE(ledger->append(backup_entry(7)));
  EXPECT_TRUE(checkpoints.make(*ledger->view()));
  EXPECT_EQ(checkpoints.view()->error_code, "checkpoint_invalid");
  EXPECT_EQ(problems(), Words(2, "not a checkpoint"));
  EXPECT_EQ(verify().checkpoints.newest.size, 7U);
}

TEST_F(SignedVerify, TheDaemonHoldsItsCheckpointsAgainstItsLedger) {
  write_anew();
  Checkpoints checkpoints(files_, home_, clock_);
  ASSERT_TRUE(checkpoints.open());
  const auto ledger = open();
  const auto verified = checkpoints.verify(*ledger, {});
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code(), ErrorCode::checkpoint_invalid);
  EXPECT_EQ(verified.error().parameter("reason"), "another entry stands in its place");
  EXPECT_EQ(checkpoints.view()->error_code, "checkpoint_invalid");
}

TEST_F(SignedVerify, ALossThatWasAcknowledgedIsNoNews) {
  keep(5);
  auto ledger = open();
  Checkpoints checkpoints(files_, home_, clock_);
  ASSERT_TRUE(checkpoints.open());
  const auto verified = checkpoints.verify(*ledger, {});
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().parameter("reason"), "the ledger ends before it");
  ASSERT_TRUE(ledger->compare_end(checkpoints.newest()));
  EXPECT_TRUE(ledger->view()->damaged());
  EXPECT_FALSE(checkpoints.verify(*ledger, {}));
  ASSERT_TRUE(ledger->acknowledge_damage({"human", "socket:uid=0", {}, {}}, "seen", ""));
  EXPECT_TRUE(checkpoints.verify(*ledger, {}));
  EXPECT_EQ(checkpoints.view()->error_code, "");
  EXPECT_EQ(verify().verdict(), Verdict::failed) << "the chain tells it for ever";
}

TEST_F(SignedVerify, IsDueAfterAnHourOrAThousandEntries) {
  auto ledger = open();
  Checkpoints checkpoints(files_, home_, clock_);
  ASSERT_TRUE(checkpoints.open());
  ASSERT_TRUE(ledger->append(backup_entry(7)));
  ASSERT_TRUE(checkpoints.make(*ledger->view()));
  ASSERT_TRUE(ledger->append(backup_entry(8)));
  ASSERT_TRUE(checkpoints.make_when_due(*ledger->view()));
  EXPECT_EQ(checkpoints.newest().seq, 7U);
  clock_.advance(std::chrono::minutes(60));
  ASSERT_TRUE(checkpoints.make_when_due(*ledger->view()));
  EXPECT_EQ(checkpoints.newest().seq, 8U);
  LedgerView grown = *ledger->view();
  grown.last_seq = 1008;
  ASSERT_TRUE(checkpoints.make_when_due(grown));
  EXPECT_EQ(checkpoints.newest().seq, 1008U);
}

TEST_F(SignedVerify, FindsTheCheckpointUpToAnEntry) {
  const auto found = find_checkpoint(files_, lines_, 5);
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->line.at("size").to_number<int>(), 4);
  EXPECT_EQ((*found)->public_key, key_.pem());
  EXPECT_FALSE(*find_checkpoint(files_, lines_, 1));
}

}  // namespace
}  // namespace vigie::testing
