// Every mutating call of the ledger, failing in each way: an acknowledged entry is never lost, no
// seq is used twice, and the ledger works again afterwards.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <map>

#include "ledger/ledger.h"
#include "ledger/verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

constexpr LedgerOptions kSmall{3_KiB, 8_KiB};
constexpr int kAppends = 10;

// seq and hash of what append() has answered.
using Acknowledged = std::map<uint64_t, std::string>;

class Disk {
 public:
  Disk() : files(folder_ / "disk") {}

  platform::Path home() const { return folder_ / "disk" / "ledger"; }
  Result<std::unique_ptr<Ledger>> open() { return Ledger::open(files, home(), clock, kSmall); }

 private:
  TempFolder folder_;

 public:
  FaultyFileSystem files;
  FakeClock clock;
};

// Appends as much as goes; a second try of an append that failed, as a daemon would.
void work(Disk& disk, Acknowledged& acknowledged) {
  auto ledger = disk.open();
  if (!ledger) return;
  for (int i = 1; i <= kAppends; ++i) {
    auto done = (*ledger)->append(backup_entry(i));
    if (!done) done = (*ledger)->append(backup_entry(i));
    if (!done) continue;
    ASSERT_FALSE(acknowledged.contains(done->seq)) << "seq " << done->seq << " was used twice";
    acknowledged[done->seq] = done->entry_hash;
  }
  (void)(*ledger)->maintain();
}

// seq and hash of all that can be read.
Acknowledged entries_of(const Ledger& ledger) {
  Acknowledged found;
  EXPECT_TRUE(ledger.for_each({}, [&](const json::object& entry) {
    found[entry.at("seq").to_number<uint64_t>()] = entry.at("entry_hash").as_string().c_str();
    return true;
  }));
  return found;
}

void expect_whole(Disk& disk, const Acknowledged& acknowledged, const std::string& where) {
  SCOPED_TRACE(where);
  auto ledger = disk.open();
  ASSERT_TRUE(ledger);
  const auto last = (*ledger)->append(backup_entry(99));
  ASSERT_TRUE(last);
  const auto report = verify(disk.files, disk.home());
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->good()) << (report->problems.empty() ? "" : report->problems[0].what);
  Acknowledged found = entries_of(**ledger);
  for (const auto& [seq, hash] : acknowledged) EXPECT_EQ(found[seq], hash) << "seq " << seq;
  EXPECT_EQ(found.size(), report->entries);
  EXPECT_EQ(found.rbegin()->first, found.size());
  EXPECT_FALSE((*ledger)->view()->damaged());
}

size_t calls_of_sound_work() {
  Disk disk;
  Acknowledged acknowledged;
  work(disk, acknowledged);
  EXPECT_EQ(acknowledged.size(), size_t{kAppends});
  return disk.files.calls();
}

TEST(LedgerCrash, PowerLossAtEveryCallLosesNoAcknowledgedEntry) {
  const size_t calls = calls_of_sound_work();
  for (size_t call = 0; call < calls; ++call) {
    for (const uint64_t seed : {0, 1, 2}) {
      Disk disk;
      Acknowledged acknowledged;
      disk.files.fail_from(call, Fault::power);
      work(disk, acknowledged);
      disk.files.crash(seed);
      expect_whole(disk, acknowledged, fmt::format("call {} seed {}", call, seed));
    }
  }
}

void fail_once_and_check(Fault fault, bool crash) {
  const size_t calls = calls_of_sound_work();
  for (size_t call = 0; call < calls; ++call) {
    Disk disk;
    Acknowledged acknowledged;
    disk.files.fail_once(call, fault);
    work(disk, acknowledged);
    if (crash) disk.files.crash(call);
    disk.files.no_faults();
    expect_whole(disk, acknowledged, fmt::format("call {}", call));
  }
}

TEST(LedgerCrash, OneErrorAtEveryCallLosesNothing) {
  fail_once_and_check(Fault::io, false);
}
TEST(LedgerCrash, OneErrorAtEveryCallThenPowerLossLosesNothing) {
  fail_once_and_check(Fault::io, true);
}
TEST(LedgerCrash, OneFullDiskAtEveryCallLosesNothing) {
  fail_once_and_check(Fault::disk_full, false);
}
TEST(LedgerCrash, OneFullDiskAtEveryCallThenPowerLossLosesNothing) {
  fail_once_and_check(Fault::disk_full, true);
}

TEST(LedgerCrash, ADiskThatStaysFullOrBrokenLosesNothing) {
  const size_t calls = calls_of_sound_work();
  for (const Fault fault : {Fault::disk_full, Fault::io}) {
    for (size_t call = 0; call < calls; ++call) {
      Disk disk;
      Acknowledged acknowledged;
      disk.files.fail_from(call, fault);
      work(disk, acknowledged);
      disk.files.no_faults();
      disk.files.crash(call);
      expect_whole(disk, acknowledged, fmt::format("call {}", call));
    }
  }
}

// A ledger whose current segment has a damaged first line. What was acknowledged, but that line.
Acknowledged make_damaged(Disk& disk) {
  Acknowledged acknowledged;
  work(disk, acknowledged);
  const auto current = disk.home() / "ledger.jsonl";
  auto lines = lines_of(current);
  EXPECT_FALSE(lines.empty());
  acknowledged.erase(parse_json(lines[0])->at("seq").to_number<uint64_t>());
  lines[0][20] = '#';
  write_lines(current, lines);
  return acknowledged;
}

size_t calls_of_recording_damage() {
  Disk disk;
  make_damaged(disk);
  const size_t before = disk.files.calls();
  EXPECT_TRUE(disk.open());
  return disk.files.calls() - before;
}

// The same while damage is being sealed and recorded.
TEST(LedgerCrash, PowerLossWhileDamageIsRecordedLosesNothing) {
  const size_t calls = calls_of_recording_damage();
  ASSERT_GT(calls, 5U);
  for (size_t call = 0; call < calls; ++call) {
    SCOPED_TRACE(call);
    Disk disk;
    const Acknowledged acknowledged = make_damaged(disk);
    disk.files.fail_from(disk.files.calls() + call, Fault::power);
    (void)disk.open();
    disk.files.crash(call);
    auto ledger = disk.open();
    ASSERT_TRUE(ledger);
    EXPECT_TRUE((*ledger)->view()->damaged());
    EXPECT_EQ((*ledger)->page({.kind = "ledger_damage"})->entries.size(), 1U);
    EXPECT_EQ(verify(disk.files, disk.home())->problem_count, 1U);
    const Acknowledged found = entries_of(**ledger);
    for (const auto& [seq, hash] : acknowledged) {
      ASSERT_TRUE(found.contains(seq)) << "seq " << seq;
      EXPECT_EQ(found.at(seq), hash) << "seq " << seq;
    }
    EXPECT_GT((*ledger)->append(backup_entry(99))->seq, found.rbegin()->first);
  }
}

TEST(LedgerCrash, AFullDiskIsRecordedFromTheReserve) {
  Disk disk;
  auto ledger = *disk.open();
  ASSERT_TRUE(ledger->append(backup_entry(1)));
  ASSERT_TRUE(ledger->view()->reserve_ready);
  // The first call that needs space fails; what the reserve gave free takes the second.
  disk.files.fail_once(disk.files.calls(), Fault::disk_full);
  Entry entry = backup_entry(2);
  entry.ended_with(Error(ErrorCode::disk_full));
  EXPECT_TRUE(ledger->append(entry));
  EXPECT_FALSE(ledger->view()->reserve_ready);
  EXPECT_FALSE(disk.files.info(disk.home() / "reserve"));
  EXPECT_TRUE(ledger->maintain());
  EXPECT_TRUE(ledger->view()->reserve_ready);
  EXPECT_TRUE(disk.files.info(disk.home() / "reserve"));
}

TEST(LedgerCrash, FailureShowsInTheViewUntilAnAppendGoes) {
  Disk disk;
  auto ledger = *disk.open();
  disk.files.fail_from(disk.files.calls(), Fault::io);
  const auto failed = ledger->append(backup_entry(1));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::ledger_unwritable);
  EXPECT_EQ(ledger->view()->error_code, "ledger_unwritable");
  EXPECT_EQ(ledger->view()->failed_at, disk.clock.now());
  disk.files.no_faults();
  EXPECT_EQ(ledger->append(backup_entry(1))->seq, 1U);
  EXPECT_EQ(ledger->view()->error_code, "");
}

#ifdef VIGIE_FAILPOINTS
// What the children below run: failpoints are armed once in a process, so each needs its own.
constexpr int kAnswers = 9;  // descriptor
class LedgerKillChild : public ::testing::Test {
 public:
  void TestBody() override {
    const FakeClock clock;
    auto ledger =
        Ledger::open(platform::real_file_system(), ::getenv("LEDGER_HOME"), clock, kSmall);
    ASSERT_TRUE(ledger);
    for (int i = 1; i <= 40; ++i) {
      const auto done = (*ledger)->append(backup_entry(i));
      ASSERT_TRUE(done);
      ASSERT_GT(::write(kAnswers, &done->seq, sizeof done->seq), 0);
    }
  }
};
// Only a child has it: nobody else lists it.
[[maybe_unused]] const auto* const child_case =
    ::getenv("LEDGER_HOME") == nullptr
        ? nullptr
        : ::testing::RegisterTest("LedgerKillChild", "Appends", nullptr, nullptr, __FILE__,
                                  __LINE__,
                                  []() -> ::testing::Test* { return new LedgerKillChild; });

// Dies at `armed`: "ledger.append.sync=kill@3".
pid_t start_child(const std::string& armed, const platform::Path& home, int answers) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::setenv("VIGIE_FAILPOINTS", armed.c_str(), 1);
  ::setenv("LEDGER_HOME", home.c_str(), 1);
  ::dup2(answers, kAnswers);
  ::execl("/proc/self/exe", "ledger_test", "--gtest_filter=LedgerKillChild.*", "--gtest_brief=1",
          nullptr);
  ::_exit(127);
}

// A kill keeps what the kernel has: a child dies at the failpoint, we look at what it left.
class LedgerKill : public ::testing::TestWithParam<const char*> {
 protected:
  // The last seq that the child was told; 0 for none.
  static uint64_t live_and_die(const std::string& armed, const platform::Path& home) {
    int answers[2];
    EXPECT_EQ(::pipe2(answers, O_CLOEXEC), 0);
    const pid_t child = start_child(armed, home, answers[1]);
    ::close(answers[1]);
    uint64_t acknowledged = 0;
    while (::read(answers[0], &acknowledged, sizeof acknowledged) > 0) {
    }
    ::close(answers[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the failpoint was not reached";
    return acknowledged;
  }
};

TEST_P(LedgerKill, LeavesEveryAcknowledgedEntry) {
  const TempFolder folder;
  const auto home = folder / "ledger";
  const uint64_t acknowledged = live_and_die(std::string(GetParam()) + "=kill@3", home);
  const FakeClock clock;
  const auto ledger = Ledger::open(platform::real_file_system(), home, clock, kSmall);
  ASSERT_TRUE(ledger);
  const uint64_t last = (*ledger)->view()->last_seq;
  EXPECT_GE(last, acknowledged);
  EXPECT_LE(last, acknowledged + 1);
  EXPECT_TRUE(verify(platform::real_file_system(), home)->good());
  EXPECT_EQ((*ledger)->append(backup_entry(1))->seq, last + 1);
}

INSTANTIATE_TEST_SUITE_P(Points, LedgerKill,
                         ::testing::Values("ledger.append.write", "ledger.append.sync",
                                           "ledger.append.durable", "ledger.append.name",
                                           "ledger.seal.rename", "ledger.seal.renamed",
                                           "ledger.mark.write", "ledger.mark.written"));

// The line that a first death has torn is about to be cut off when a second one comes.
TEST_F(LedgerKill, ACutThatDiesIsDoneAgain) {
  const TempFolder folder;
  const auto home = folder / "ledger";
  const uint64_t acknowledged = live_and_die("ledger.append.sync=kill@5", home);
  const auto current = home / "ledger.jsonl";
  const std::string line = lines_of(current).back();
  write_bytes(current, bytes_of(current) + line.substr(0, line.size() / 2));
  const std::string torn = bytes_of(current);
  EXPECT_EQ(live_and_die("ledger.append.cut=kill", home), 0U);
  EXPECT_EQ(bytes_of(current), torn);
  const FakeClock clock;
  const auto ledger = Ledger::open(platform::real_file_system(), home, clock, kSmall);
  ASSERT_TRUE(ledger);
  EXPECT_GE((*ledger)->view()->last_seq, acknowledged);
  EXPECT_FALSE((*ledger)->view()->damaged());
  EXPECT_TRUE(verify(platform::real_file_system(), home)->good());
}
#endif

}  // namespace
}  // namespace vigie::testing
