#include "tests/support/faulty_file_system.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

using platform::Path;
using platform::real_file_system;

struct FaultyFileSystemTest : ::testing::Test {
  TempFolder folder;
  Path root = folder / "root";
  FaultyFileSystem files{root};

  void write(const Path& path, std::string_view text) {
    auto file = files.open_append(path);
    ASSERT_TRUE(file && (*file)->append(as_bytes(text)) && (*file)->close());
  }
  void write_durably(const Path& path, std::string_view text) {
    auto file = files.open_append(path);
    ASSERT_TRUE(file && (*file)->append(as_bytes(text)) && (*file)->sync() && (*file)->close());
    ASSERT_TRUE(files.sync_folder(path.parent_path()));
  }
  std::string read(const Path& path) {
    auto text = platform::read_file(files, path, 1_MiB);
    return text ? *text : std::string(text.error().info().name);
  }
};

TEST_F(FaultyFileSystemTest, KeepsWhatWasSynced) {
  write_durably(root / "a", "bytes");
  files.crash();
  EXPECT_EQ(read(root / "a"), "bytes");
}

TEST_F(FaultyFileSystemTest, KeepsWhatWasThereBefore) {
  const TempFolder other;
  ASSERT_TRUE(real_file_system().create_folder(other / "x/y"));
  ASSERT_TRUE(platform::write_file_new(real_file_system(), other / "x/y/z", "old"));
  FaultyFileSystem again(other.path());
  again.crash();
  EXPECT_EQ(platform::read_file(again, other / "x/y/z", 1_KiB).value(), "old");
}

TEST_F(FaultyFileSystemTest, ForgetsANameWhoseFolderWasNotSynced) {
  auto file = files.create(root / "a");
  ASSERT_TRUE(file && (*file)->append(as_bytes("bytes")) && (*file)->sync());
  files.crash();
  EXPECT_EQ(read(root / "a"), "file_not_found");
}

TEST_F(FaultyFileSystemTest, ForgetsBytesThatWereNotSynced) {
  write_durably(root / "a", "kept");
  write(root / "a", "lost");
  EXPECT_EQ(read(root / "a"), "keptlost");
  files.crash();
  EXPECT_EQ(read(root / "a"), "kept");
}

TEST_F(FaultyFileSystemTest, LeavesAnEmptyFileWhenOnlyItsNameWasSynced) {
  write(root / "a", "bytes");
  ASSERT_TRUE(files.sync_folder(root));
  files.crash();
  EXPECT_EQ(read(root / "a"), "");
}

TEST_F(FaultyFileSystemTest, UndoesARemovalThatWasNotSynced) {
  write_durably(root / "a", "bytes");
  ASSERT_TRUE(files.remove_file(root / "a"));
  files.crash();
  EXPECT_EQ(read(root / "a"), "bytes");
  ASSERT_TRUE(files.remove_file(root / "a"));
  ASSERT_TRUE(files.sync_folder(root));
  files.crash();
  EXPECT_EQ(read(root / "a"), "file_not_found");
}

TEST_F(FaultyFileSystemTest, UndoesAReplacementThatWasNotSynced) {
  write_durably(root / "a", "old");
  write_durably(root / "b", "new");
  ASSERT_TRUE(files.rename_replace(root / "b", root / "a"));
  EXPECT_EQ(read(root / "a"), "new");
  files.crash();
  EXPECT_EQ(read(root / "a"), "old");
  EXPECT_EQ(read(root / "b"), "new");
}

TEST_F(FaultyFileSystemTest, ARenameBetweenFoldersIsAtomicWhicheverIsSynced) {
  for (const char* synced : {"from", "to"}) {
    ASSERT_TRUE(files.create_folder(root / "from"));
    ASSERT_TRUE(files.create_folder(root / "to"));
    ASSERT_TRUE(files.sync_folder(root));
    write(root / "from/x", "");  // its name was never synced where it was made
    ASSERT_TRUE(files.rename_new(root / "from/x", root / "to/x"));
    ASSERT_TRUE(files.sync_folder(root / synced));
    ASSERT_TRUE(files.sync_folder(root / "from"));
    files.crash();
    EXPECT_EQ(read(root / "to/x"), "") << synced;
    EXPECT_EQ(read(root / "from/x"), "file_not_found") << synced;
    ASSERT_TRUE(files.remove_file(root / "to/x"));
    ASSERT_TRUE(files.sync_folder(root / "to"));
  }
}

TEST_F(FaultyFileSystemTest, ARenamedFolderKeepsItsContents) {
  ASSERT_TRUE(files.create_folder(root / "a/b"));
  ASSERT_TRUE(files.sync_folder(root));
  ASSERT_TRUE(files.sync_folder(root / "a"));
  write_durably(root / "a/b/c", "bytes");
  ASSERT_TRUE(files.rename_new(root / "a", root / "z"));
  EXPECT_EQ(read(root / "z/b/c"), "bytes");
  files.crash();
  EXPECT_EQ(read(root / "a/b/c"), "bytes");
  ASSERT_TRUE(files.rename_new(root / "a", root / "z"));
  ASSERT_TRUE(files.sync_folder(root));
  files.crash();
  EXPECT_EQ(read(root / "z/b/c"), "bytes");
}

TEST_F(FaultyFileSystemTest, LosesAFolderWithItsSyncedFilesWhenItsParentWasNotSynced) {
  ASSERT_TRUE(files.create_folder(root / "a"));
  write_durably(root / "a/b", "bytes");
  files.crash();
  EXPECT_EQ(read(root / "a/b"), "file_not_found");
  EXPECT_TRUE(files.list(root)->empty());
}

TEST_F(FaultyFileSystemTest, UndoesATruncationThatWasNotSynced) {
  write_durably(root / "a", "0123456789");
  ASSERT_TRUE(files.truncate(root / "a", Bytes{6}));
  ASSERT_TRUE(files.truncate(root / "a", Bytes{2}));
  write(root / "a", "new");
  EXPECT_EQ(read(root / "a"), "01new");
  files.crash();
  EXPECT_EQ(read(root / "a"), "0123456789");
}

TEST_F(FaultyFileSystemTest, KeepsATruncationThatWasSynced) {
  write_durably(root / "a", "0123456789");
  ASSERT_TRUE(files.truncate(root / "a", Bytes{2}));
  write_durably(root / "a", "new");
  files.crash();
  EXPECT_EQ(read(root / "a"), "01new");
}

TEST_F(FaultyFileSystemTest, AFailedSyncMakesNothingDurable) {
  write_durably(root / "a", "kept");
  auto file = files.open_append(root / "a");
  ASSERT_TRUE(file && (*file)->append(as_bytes("lost")));
  files.fail_once(files.calls(), Fault::io);
  EXPECT_EQ((*file)->sync().error().code(), ErrorCode::file_io);
  files.crash();
  EXPECT_EQ(read(root / "a"), "kept");
}

TEST_F(FaultyFileSystemTest, AFullDiskTakesHalfOfAnAppend) {
  auto file = files.create(root / "a");
  ASSERT_TRUE(file);
  files.fail_once(files.calls(), Fault::disk_full);
  EXPECT_EQ((*file)->append(as_bytes("12345678")).error().code(), ErrorCode::disk_full);
  EXPECT_EQ(read(root / "a"), "1234");
  EXPECT_TRUE((*file)->append(as_bytes("9"))) << "it failed once only";
  EXPECT_EQ(files.failed(), 1U);
}

TEST_F(FaultyFileSystemTest, AFullDiskStillLetsFilesGo) {
  write(root / "a", "bytes");
  files.fail_from(files.calls(), Fault::disk_full);
  EXPECT_EQ(files.create(root / "b").error().code(), ErrorCode::disk_full);
  EXPECT_TRUE(files.remove_file(root / "a"));
  EXPECT_EQ(files.create(root / "b").error().code(), ErrorCode::disk_full);
}

TEST_F(FaultyFileSystemTest, WithoutPowerNothingAnswersUntilTheCrashIsOver) {
  write_durably(root / "a", "bytes");
  auto reader = files.open_read(root / "a");
  auto writer = files.open_append(root / "a");
  ASSERT_TRUE(reader && writer);
  files.fail_from(files.calls(), Fault::power);
  EXPECT_TRUE(files.list(root));  // until the call that it was ordered for
  EXPECT_FALSE((*writer)->append(as_bytes("more")));
  EXPECT_FALSE(files.list(root));
  EXPECT_FALSE((*reader)->size());
  EXPECT_FALSE(files.remove_file(root / "a"));
  files.crash();
  EXPECT_FALSE((*reader)->size()) << "what was open stays dead";
  EXPECT_FALSE((*writer)->append(as_bytes("more")));
  EXPECT_EQ(read(root / "a"), "bytes");
}

TEST_F(FaultyFileSystemTest, LeavesOtherFoldersAlone) {
  files.fail_from(0, Fault::io);
  EXPECT_TRUE(platform::write_file_new(files, folder / "beside", "bytes"));
  EXPECT_EQ(files.calls(), 0U);
}

TEST_F(FaultyFileSystemTest, ASeedKeepsAPartReproducibly) {
  std::set<std::string> outcomes;
  std::map<uint64_t, std::string> first;
  for (int round = 0; round < 2; ++round) {
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      const TempFolder fresh;
      FaultyFileSystem some(fresh.path());
      auto file = some.create(fresh / "a");
      ASSERT_TRUE(file && (*file)->append(as_bytes("0123456789")));
      some.crash(seed);
      const auto text = platform::read_file(some, fresh / "a", 1_KiB);
      const std::string outcome = text ? *text : "no name";
      EXPECT_TRUE(!text || std::string_view("0123456789").starts_with(*text));
      outcomes.insert(outcome);
      if (round == 0) first[seed] = outcome;
      EXPECT_EQ(first[seed], outcome);
    }
  }
  EXPECT_GT(outcomes.size(), 4U);
  EXPECT_TRUE(outcomes.contains("no name"));
}

// The house's own way to write a file, at every point at which the power may go: this is how the
// rooms above test theirs.
TEST_F(FaultyFileSystemTest, ReplacingAFileLeavesTheOldOneOrTheNewOneWheneverThePowerGoes) {
  size_t calls = 0;
  {
    const TempFolder fresh;
    FaultyFileSystem some(fresh.path());
    ASSERT_TRUE(platform::write_file_replace(some, fresh / "a", "new"));
    calls = some.calls();
  }
  ASSERT_GE(calls, 6U);
  std::set<std::string> seen;
  for (size_t n = 0; n <= calls; ++n) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const TempFolder fresh;
      ASSERT_TRUE(platform::write_file_new(real_file_system(), fresh / "a", "old"));
      FaultyFileSystem some(fresh.path());
      some.fail_from(n, Fault::power);
      const bool done = platform::write_file_replace(some, fresh / "a", "new").has_value();
      some.crash(seed);
      const auto text = platform::read_file(some, fresh / "a", 1_KiB);
      ASSERT_TRUE(text) << n << " " << seed;
      EXPECT_TRUE(*text == "new" || (*text == "old" && !done)) << n << " " << seed << *text;
      seen.insert(*text);
    }
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST_F(FaultyFileSystemTest, ReplacingAFileSurvivesAFullDiskAndAFailingOne) {
  for (const Fault fault : {Fault::disk_full, Fault::io}) {
    for (size_t n = 0; n < 7; ++n) {
      const TempFolder fresh;
      ASSERT_TRUE(platform::write_file_new(real_file_system(), fresh / "a", "old"));
      FaultyFileSystem some(fresh.path());
      some.fail_from(n, fault);
      (void)platform::write_file_replace(some, fresh / "a", "new");
      some.no_faults();
      const auto text = platform::read_file(some, fresh / "a", 1_KiB);
      ASSERT_TRUE(text);
      EXPECT_TRUE(*text == "old" || *text == "new");
    }
  }
}

}  // namespace
}  // namespace vigie::testing
