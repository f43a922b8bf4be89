// Every mutating call around checkpoints, failing in each way: what make() and rotate() have
// answered is never lost, the key is never lost, and it works again afterwards.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ledger/checkpoints.h"
#include "ledger/signed_verify.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/ledger_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using namespace ledger;

class Disk {
 public:
  Disk() : files(folder_ / "disk") {}
  platform::Path home() const { return folder_ / "disk" / "ledger"; }

 private:
  TempFolder folder_;

 public:
  FaultyFileSystem files;
  FakeClock clock;
};

// What was promised.
struct Promised {
  uint64_t size = 0;
  std::string key_id;
  size_t rotations = 0;
};

void try_twice(const std::function<bool()>& what) {
  if (!what()) (void)what();
}

// Two lives: checkpoints, a rotation, checkpoints.
void work(Disk& disk, Promised& promised) {
  for (int life = 0; life < 2; ++life) {
    auto ledger = Ledger::open(disk.files, disk.home(), disk.clock, {3_KiB, {}});
    if (!ledger) continue;
    Checkpoints checkpoints(disk.files, disk.home(), disk.clock);
    (void)checkpoints.open();
    const auto sign = [&] {
      (void)(*ledger)->append(backup_entry(1));
      const auto view = (*ledger)->view();
      if (!checkpoints.make(*view)) return false;
      promised.size = view->last_seq;
      promised.key_id = checkpoints.view()->key_id;
      return true;
    };
    try_twice(sign);
    try_twice([&] {
      const auto change = checkpoints.rotate();
      if (!change) return false;
      promised.key_id = change->new_id;
      ++promised.rotations;
      return true;
    });
    try_twice(sign);
  }
}

void expect_kept(Disk& disk, const Promised& promised, const std::string& where) {
  SCOPED_TRACE(where);
  auto ledger = Ledger::open(disk.files, disk.home(), disk.clock, {3_KiB, {}});
  ASSERT_TRUE(ledger);
  Checkpoints checkpoints(disk.files, disk.home(), disk.clock);
  const auto opened = checkpoints.open();
  ASSERT_TRUE(opened) << opened.error().detail(Audience::operators);
  EXPECT_GE(checkpoints.newest().seq, promised.size);
  EXPECT_GE(checkpoints.rotations().size(), promised.rotations);
  ASSERT_TRUE((*ledger)->append(backup_entry(9)));
  ASSERT_TRUE(checkpoints.make(*(*ledger)->view()));
  const auto place = place_of(disk.files, disk.home());
  const auto key = read_public_key(disk.files, place.public_key);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->id(), checkpoints.view()->key_id);
  const auto report = verify_signed(disk.files, place, *key);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->verdict(), Verdict::passed)
      << (report->checkpoints.problems.empty() ? "" : report->checkpoints.problems[0].what);
  EXPECT_EQ(report->checkpoints.newest.size, report->ledger.last_seq);
}

size_t calls_of_sound_work() {
  Disk disk;
  Promised promised;
  work(disk, promised);
  EXPECT_EQ(promised.rotations, 2U);
  EXPECT_EQ(promised.size, 4U);
  return disk.files.calls();
}

TEST(CheckpointCrash, PowerLossAtEveryCallKeepsWhatWasPromised) {
  const size_t calls = calls_of_sound_work();
  for (size_t call = 0; call < calls; ++call) {
    for (const uint64_t seed : {0, 1, 2}) {
      Disk disk;
      Promised promised;
      disk.files.fail_from(call, Fault::power);
      work(disk, promised);
      disk.files.crash(seed);
      expect_kept(disk, promised, fmt::format("call {} seed {}", call, seed));
    }
  }
}

void fail_once_and_check(Fault fault, bool crash) {
  const size_t calls = calls_of_sound_work();
  for (size_t call = 0; call < calls; ++call) {
    Disk disk;
    Promised promised;
    disk.files.fail_once(call, fault);
    work(disk, promised);
    if (crash) disk.files.crash(call);
    disk.files.no_faults();
    expect_kept(disk, promised, fmt::format("call {}", call));
  }
}

TEST(CheckpointCrash, OneErrorAtEveryCallLosesNothing) {
  fail_once_and_check(Fault::io, false);
}
TEST(CheckpointCrash, OneErrorAtEveryCallThenPowerLossLosesNothing) {
  fail_once_and_check(Fault::io, true);
}
TEST(CheckpointCrash, OneFullDiskAtEveryCallThenPowerLossLosesNothing) {
  fail_once_and_check(Fault::disk_full, true);
}

}  // namespace
}  // namespace vigie::testing
