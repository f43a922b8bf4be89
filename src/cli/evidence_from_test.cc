// vigie evidence verify --from, over the copy of a ledger in a store, and the logs of runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"
#include "jobs/kept_logs.h"
#include "ledger/checkpoints.h"
#include "ledger/ledger.h"
#include "tests/support/cli_program.h"
#include "tests/support/fake_clock.h"
#include "tests/support/ledger_samples.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;
using namespace testing;

const std::string kOwner(32, 'a');

class EvidenceFrom : public ::testing::Test {
 protected:
  EvidenceFrom() {
    std::filesystem::create_directories(home_);
    EXPECT_TRUE(checkpoints_.open());
    ledger_ = *ledger::Ledger::open(files_, home_, clock_, {16_MiB, {}});
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(ledger_->append(backup_entry(i)));
    EXPECT_TRUE(checkpoints_.make(*ledger_->view()));
    copy_to(kOwner);
  }
  platform::Path copy_of(const std::string& owner) const {
    return store_ / ".vigie-evidence" / owner;
  }
  void copy_to(const std::string& owner) {
    const platform::Path to = copy_of(owner);
    std::filesystem::create_directories(to / "ledger");
    std::filesystem::copy_file(home_ / "ledger.jsonl", to / "ledger/ledger-000001.jsonl");
    for (const char* name : {"checkpoints.jsonl", "ledger.pub"})
      std::filesystem::copy_file(state_ / name, to / name);
  }
  Printed verify(std::vector<std::string> more = {}) {
    std::vector<std::string> words{"evidence", "verify", "--from", store_.string()};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<const char*> pointers;
    pointers.reserve(words.size());
    for (const std::string& one : words) pointers.push_back(one.c_str());
    return Scripted().run(pointers);
  }
  Printed verify_here() { return verify({"--ledger", home_.string()}); }
  std::string key() const { return (state_ / "ledger.pub").string(); }

  platform::FileSystem& files_ = platform::real_file_system();
  TempFolder folder_;
  const platform::Path state_ = folder_ / "state";
  const platform::Path home_ = state_ / "ledger";
  const platform::Path store_ = folder_ / "store";
  FakeClock clock_;
  ledger::Checkpoints checkpoints_{files_, home_, clock_};
  std::unique_ptr<ledger::Ledger> ledger_;
};

TEST_F(EvidenceFrom, TheCopyInAStoreIsVerifiedAsALedger) {
  const Printed printed = verify({"--public-key", key()});
  EXPECT_EQ(printed.exit_code, 0) << printed.words;
  EXPECT_THAT(printed.out, HasSubstr("3 entries in 1 segment, "));
  EXPECT_THAT(printed.out, HasSubstr("the key that was given signs them"));
}

TEST_F(EvidenceFrom, WhatWasFetchedIsVerifiedAsAFolder) {
  const std::string fetched = copy_of(kOwner).string();
  EXPECT_EQ(Scripted().run({"evidence", "verify", fetched.c_str()}).exit_code, 0);
}

TEST_F(EvidenceFrom, ACopyThatWasChangedFails) {
  const auto file = copy_of(kOwner) / "ledger/ledger-000001.jsonl";
  auto lines = lines_of(file);
  lines[1][30] ^= 1;
  write_lines(file, lines);
  EXPECT_EQ(verify().exit_code, 1);
}

TEST_F(EvidenceFrom, ACopyWhoseTailWasCutOffFails) {
  const auto file = copy_of(kOwner) / "ledger/ledger-000001.jsonl";
  auto lines = lines_of(file);
  lines.pop_back();
  write_lines(file, lines);
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_THAT(printed.out, HasSubstr("the ledger ends before it"));
}

TEST_F(EvidenceFrom, ACopyWhoseCheckpointsWereRemovedFails) {
  std::filesystem::remove(copy_of(kOwner) / "checkpoints.jsonl");
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_THAT(printed.out, HasSubstr("the checkpoints are missing"));
  EXPECT_EQ(verify({"--public-key", key()}).exit_code, 1);
}

// Mark and checkpoints of the host were cut as well: on the host alone nothing tells.
TEST_F(EvidenceFrom, TheLedgerHereIsHeldAgainstTheCopysCheckpoints) {
  EXPECT_EQ(verify_here().exit_code, 0);
  ledger_.reset();
  auto lines = lines_of(home_ / "ledger.jsonl");
  lines.pop_back();
  write_lines(home_ / "ledger.jsonl", lines);
  for (const char* gone : {"ledger.mark", "checkpoints.jsonl", "ledger.pub"})
    std::filesystem::remove(state_ / gone);
  const std::string home = home_.string();
  EXPECT_EQ(Scripted().run({"evidence", "verify", home.c_str()}).exit_code, 0);
  const Printed printed = verify_here();
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_THAT(printed.out, HasSubstr("the ledger ends before it"));
}

TEST_F(EvidenceFrom, OfSeveralOwnersOneIsNamed) {
  const std::string other(32, 'b');
  copy_to(other);
  const Printed printed = verify();
  EXPECT_EQ(printed.exit_code, 2);
  EXPECT_THAT(printed.words, HasSubstr(kOwner + ", " + other));
  EXPECT_EQ(verify({"--owner", other}).exit_code, 0);
  EXPECT_EQ(verify({"--owner", std::string(32, 'c')}).exit_code, 2);
}

TEST_F(EvidenceFrom, AStoreWithoutACopyProvesNothing) {
  std::filesystem::remove_all(store_ / ".vigie-evidence");
  EXPECT_EQ(verify().exit_code, 3);
}

class EvidenceOfLogs : public EvidenceFrom {
 protected:
  void log(std::string_view text) {
    std::filesystem::create_directories(log_.parent_path());
    write_bytes(log_, text);
  }
  // An entry that names what is logged so far.
  void append_entry() {
    ledger::Entry entry = backup_entry(9);
    entry.trigger.run_id = run_;
    ledger_->attach_logs([this](const RunId&) {
      const std::string text = bytes_of(log_);
      return ledger::RunLogRef{sha256_hex(text), Bytes{text.size()}};
    });
    ASSERT_TRUE(ledger_->append(entry));
  }
  Printed verify_state() {
    const std::string home = home_.string();
    return Scripted().run({"evidence", "verify", home.c_str()});
  }

  const RunId run_ = new_run_id();
  const platform::Path log_ = state_ / "runs" / run_.str() / "log.jsonl";
};

TEST_F(EvidenceOfLogs, WhatWasLoggedLaterDoesNotMatter) {
  log("one\n");
  append_entry();
  log("one\nrun.ended\n");
  const Printed printed = verify_state();
  EXPECT_EQ(printed.exit_code, 0) << printed.out;
  EXPECT_THAT(printed.out, HasSubstr("1 entries name the log of their run, 1 of these are there"));
}

TEST_F(EvidenceOfLogs, OneThatWasChangedIsNamed) {
  log("one\n");
  append_entry();
  log("two\n");
  const Printed printed = verify_state();
  EXPECT_EQ(printed.exit_code, 1);
  EXPECT_THAT(printed.out, HasSubstr("entry 4: the log of run " + run_.str() + " was changed"));
}

TEST_F(EvidenceOfLogs, OneThatHasMadeRoomIsNoFailure) {
  log("one\n");
  append_entry();
  std::filesystem::remove_all(log_.parent_path());
  const Printed printed = verify_state();
  EXPECT_EQ(printed.exit_code, 0) << printed.out;
  EXPECT_THAT(printed.out, HasSubstr("0 of these are there"));
}

TEST_F(EvidenceOfLogs, OneIsShownAndHeldAgainstItsHash) {
  Scripted program;
  const jobs::LogFolders folders = jobs::LogFolders::of(program.state());
  std::filesystem::create_directories(program.state());
  ASSERT_TRUE(jobs::KeptLogs(files_, folders.kept).keep(run_, "one\ntwo\n"));
  const auto answer = [&](const std::string& named) {
    const json::object entry{
        {"seq", 4},
        {"trigger", json::object{{"run_id", run_.str()}}},
        {"log", json::object{{"bytes", named.size()}, {"sha256", sha256_hex(named)}}}};
    program.script.answers.push_back({200, json::object{{"items", json::array{entry}}}});
    return program.run({"evidence", "show", "4", "--log"});
  };
  const Printed same = answer("one\n");
  EXPECT_EQ(same.exit_code, 0) << same.words;
  EXPECT_EQ(same.out, "one\ntwo\n");
  const Printed changed = answer("ONE\n");
  EXPECT_EQ(changed.exit_code, 1);
  EXPECT_THAT(changed.words, HasSubstr("it was changed"));
}

}  // namespace
}  // namespace vigie::cli
