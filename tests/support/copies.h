// The backup room with a second store, into which its job copies.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/support/backup_room.h"

namespace vigie::backup {

struct Copies : ::testing::Test {
  Copies() { test.copy_offsite(); }

  Outcome copy() { return test.room().copies().copy("nightly", RoomForTest::work()); }
  std::vector<std::string> due() { return test.room().copies().due(); }
  std::vector<BackupId> there() { return test.offsite().list().value(); }
  std::optional<CopyView> find(const BackupId& id) {
    for (const CopyView& one : test.room().view()->copies)
      if (one.id == id) return one;
    return std::nullopt;
  }
  // Of the entries of kind backup_copy, oldest first.
  std::string acts() {
    std::string all;
    for (const json::object& one : test.entries("backup_copy"))
      all += (all.empty() ? "" : " ") + std::string(one.at("subject").at("act").as_string());
    return all;
  }
  // Of the newest of them.
  std::string last_error() {
    const auto all = test.entries("backup_copy");
    return all.empty() ? "" : std::string(all.back().at("error_code").as_string());
  }
  // As retention removes it: nobody misses it.
  void expire_original(const BackupId& id) {
    test.leave_expiring({id});
    std::filesystem::remove_all(test.store().artefact_path(id));
    EXPECT_TRUE(test.room().clean_stores(RoomForTest::work()));
    EXPECT_FALSE(test.find(id));
  }
  void lose_original(const BackupId& id) {
    std::filesystem::remove_all(test.store().artefact_path(id));
    test.reconcile();
  }
  void flip_a_bit(const platform::Path& artefact) {
    const platform::Path path = artefact / "dump/1.dat.zst";
    std::string bytes = platform::read_file(platform::real_file_system(), path, 1_MiB).value();
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
    ASSERT_TRUE(platform::write_file_replace(platform::real_file_system(), path, bytes));
  }
  // Read again when its time has come.
  void damage_copy(const BackupId& id) {
    flip_a_bit(test.offsite().artefact_path(id));
    test.clock.advance(std::chrono::hours(24 * 36));
    EXPECT_EQ(copy().error->code(), ErrorCode::copy_failed);
    EXPECT_EQ(find(id)->verdict(), Verdict::failed);
  }
  // As a process that died in the midst of copying.
  void leave_debris(const BackupId& id) {
    ASSERT_TRUE(test.room().setup()->stores.at(1).store->probe(""));
    const auto writer = test.offsite().begin(id);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(store::write_file(**writer, "dump/9.dat.zst", "half"));
  }
  bool lies_there(const BackupId& id) {
    return std::filesystem::exists(test.offsite().artefact_path(id));
  }
  RoomForTest test;
};

}  // namespace vigie::backup
