#include "store/local/local_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/faulty_file_system.h"
#include "tests/support/store_contract.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {
namespace {

class LocalFixture final : public StoreFixture {
 public:
  store::Store& store() override { return *store_; }

 private:
  TempFolder folder_;
  std::unique_ptr<store::Store> store_ =
      store::make_local_store(platform::real_file_system(), "local", folder_ / "artefacts");
};

INSTANTIATE_TEST_SUITE_P(Local, StoreContract,
                         ::testing::Values([] { return std::make_unique<LocalFixture>(); }));

const BackupId kId{"nightly", "app",
                   SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20))};
const BackupId kOther{"nightly", "app",
                      SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21))};

Result<> publish(store::Store& store, const BackupId& id) {
  TRY_ASSIGN(const auto writer, store.begin(id));
  for (const char* name : {"dump/1.dat.zst", "dump/toc.dat.zst", "RECOVER.md", "SHA256SUMS"}) {
    TRY(store::write_file(*writer, name, "twelve bytes"));
  }
  return writer->publish("{}\n");
}

// Whatever the store shows must be whole.
void expect_whole(store::Store& store, const BackupId& id) {
  const auto source = store.open(id);
  ASSERT_TRUE(source);
  for (const char* name : {"dump/1.dat.zst", "dump/toc.dat.zst", "RECOVER.md", "SHA256SUMS"}) {
    const auto text = artefact::read_stored(**source, name, 1_KiB);
    ASSERT_TRUE(text) << name;
    EXPECT_EQ(*text, "twelve bytes") << name;
  }
  EXPECT_EQ(*store::read_manifest(store, id), "{}\n");
}

using Work = std::function<Result<>(store::Store&)>;
using Check = std::function<void(store::Store&, bool succeeded)>;

size_t calls_of(const Work& before, const Work& work) {
  const TempFolder folder;
  FaultyFileSystem files(folder / "disk");
  const auto store = store::make_local_store(files, "local", folder / "disk" / "artefacts");
  EXPECT_TRUE(before(*store));
  const size_t already = files.calls();
  EXPECT_TRUE(work(*store));
  return files.calls() - already;
}

// Fails the work at each of its calls, loses power (all or a part of what was not synced), checks.
void break_everywhere(const Work& before, const Work& work, const Check& check) {
  const size_t calls = calls_of(before, work);
  ASSERT_GT(calls, 3U);
  for (const Fault fault : {Fault::disk_full, Fault::io, Fault::power}) {
    for (size_t call = 0; call <= calls; ++call) {
      for (const uint64_t seed : {0, 1, 2, 3}) {
        SCOPED_TRACE(::testing::Message()
                     << "fault " << int(fault) << " call " << call << " seed " << seed);
        const TempFolder folder;
        FaultyFileSystem files(folder / "disk");
        const auto store = store::make_local_store(files, "local", folder / "disk" / "artefacts");
        ASSERT_TRUE(before(*store));
        files.fail_from(files.calls() + call, fault);
        const bool succeeded = work(*store).has_value();
        files.crash(seed);
        check(*store, succeeded);
        if (::testing::Test::HasFailure()) return;
      }
    }
  }
}

Result<> nothing(store::Store&) {
  return {};
}

TEST(LocalStoreCrash, PublishingLeavesAWholeArtefactOrNone) {
  break_everywhere(
      nothing, [](store::Store& store) { return publish(store, kId); },
      [](store::Store& store, bool succeeded) {
        const auto list = store.list();
        ASSERT_TRUE(list);
        if (succeeded) {
          EXPECT_EQ(*list, std::vector{kId});
        }
        if (!list->empty()) expect_whole(store, kId);
        const auto debris = store.debris();
        ASSERT_TRUE(debris);
        for (const BackupId& id : *debris) EXPECT_TRUE(store.remove(id));
        EXPECT_TRUE(store.debris()->empty());
      });
}

TEST(LocalStoreCrash, PublishingASecondLeavesTheFirstAsItWas) {
  break_everywhere([](store::Store& store) { return publish(store, kId); },
                   [](store::Store& store) { return publish(store, kOther); },
                   [](store::Store& store, bool) { expect_whole(store, kId); });
}

TEST(LocalStoreCrash, RemovingLeavesAWholeArtefactOrDebrisOrNothing) {
  break_everywhere([](store::Store& store) { return publish(store, kId); },
                   [](store::Store& store) { return store.remove(kId); },
                   [](store::Store& store, bool succeeded) {
                     const auto list = store.list();
                     ASSERT_TRUE(list);
                     if (succeeded) {
                       EXPECT_TRUE(list->empty());
                     }
                     if (!list->empty()) expect_whole(store, kId);
                     EXPECT_TRUE(store.remove(kId));
                     EXPECT_TRUE(store.list()->empty());
                     EXPECT_TRUE(store.debris()->empty());
                   });
}

// Fails the first sync of a folder, and remembers what is asked of it.
class ForgetfulFolder final : public platform::ForwardingFileSystem {
 public:
  ForgetfulFolder() : ForwardingFileSystem(platform::real_file_system()) {}
  Result<> sync_folder(const platform::Path& path) override {
    calls.push_back("sync " + path.filename().string());
    if (std::exchange(fails, false)) return fail(platform::file_error(EIO, path));
    return ForwardingFileSystem::sync_folder(path);
  }
  Result<> remove_file(const platform::Path& path) override {
    calls.push_back("remove " + path.filename().string());
    return ForwardingFileSystem::remove_file(path);
  }
  bool fails = false;
  std::vector<std::string> calls;
};

// A file system may keep the removals of two folders in any order: else a manifest could come back
// without its files.
TEST(LocalStore, ASecondRemovalMakesItDurableFirstThatTheManifestIsGone) {
  const TempFolder folder;
  ForgetfulFolder files;
  const auto store = store::make_local_store(files, "s", folder / "artefacts");
  ASSERT_TRUE(publish(*store, kId));
  files.fails = true;
  ASSERT_FALSE(store->remove(kId));
  files.calls.clear();
  ASSERT_TRUE(store->remove(kId));
  ASSERT_GT(files.calls.size(), 2U);
  EXPECT_EQ(files.calls[0], "remove manifest.json");
  EXPECT_EQ(files.calls[1], "sync " + kId.str());
}

TEST(LocalStore, DoesNotMakeTheFolderThatItsRootShouldLieIn) {
  const TempFolder folder;
  const auto store =
      store::make_local_store(platform::real_file_system(), "s", folder / "mount" / "artefacts");
  EXPECT_FALSE(store->begin(kId));
  EXPECT_FALSE(store->list());
  EXPECT_FALSE(store->probe(""));
  EXPECT_FALSE(platform::real_file_system().info(folder / "mount"));
}

TEST(LocalStore, AProbeThatACrashLeftIsRemovedByTheNext) {
  const TempFolder folder;
  auto& files = platform::real_file_system();
  const auto store = store::make_local_store(files, "s", folder / "artefacts");
  ASSERT_TRUE(store->probe(""));
  for (const char* name : {".vigie-probe-0-1", "..vigie-probe-0-2.tmp", ".vigie-problem"})
    ASSERT_TRUE(platform::write_file_new(files, folder / "artefacts" / name, "left"));
  ASSERT_TRUE(store->probe(""));
  const auto left = files.list(folder / "artefacts");
  ASSERT_EQ(left->size(), 1U);
  EXPECT_EQ(left->front().name, ".vigie-problem") << "which is none of ours";
}

// Root may write everywhere: that it may not is acted, as on a disk that was mounted read-only.
class RefusingFiles final : public platform::ForwardingFileSystem {
 public:
  explicit RefusingFiles(int error)
      : ForwardingFileSystem(platform::real_file_system()), error_(error) {}
  Result<std::unique_ptr<platform::WritableFile>> create(const platform::Path& path,
                                                         unsigned) override {
    return fail(platform::file_error(error_, path));
  }
  Result<> create_folder(const platform::Path& path, unsigned) override {
    return fail(platform::file_error(error_, path));
  }

 private:
  const int error_;
};

TEST(LocalStore, WhatTheRightsOrTheMountRefuseIsAStoreThatCannotBeWritten) {
  const TempFolder folder;
  std::filesystem::create_directory(folder / "artefacts");
  for (const int refusal : {EACCES, EPERM, EROFS}) {
    RefusingFiles files(refusal);
    const auto store = store::make_local_store(files, "s", folder / "artefacts");
    const auto begun = store->begin(*BackupId::parse("n.a-20261120T020000Z"));
    const Result<> as_done = begun ? Result<>() : Result<>(fail(begun.error()));
    for (const auto& done : {store->probe(""), store->mark("marker", false), as_done}) {
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().code(), ErrorCode::store_not_writable);
      EXPECT_EQ(done.error().parameter("reason"), std::strerror(refusal));
    }
  }
  RefusingFiles full(ENOSPC);
  const auto store = store::make_local_store(full, "s", folder / "artefacts");
  EXPECT_EQ(store->probe("").error().code(), ErrorCode::disk_full);
}

TEST(LocalStore, AJobsFolderThatCannotBeUsedIsFoundBeforeTheDumpAndOnlyByThatJob) {
  const TempFolder folder;
  const auto store =
      store::make_local_store(platform::real_file_system(), "s", folder / "artefacts");
  ASSERT_TRUE(store->probe("nightly")) << "it is not there yet";
  ASSERT_TRUE(platform::write_file_new(platform::real_file_system(),
                                       folder / "artefacts" / "nightly", "no folder"));
  for (const auto& done : {store->probe("nightly"), store->look("nightly")}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::store_not_writable);
    EXPECT_EQ(
        done.error().parameter("reason"),
        "its folder nightly is a link or a file: mount there what is to hold it (mount --bind)");
  }
  // What a list does not follow must not be written to either.
  std::filesystem::create_directory(folder / "larger");
  std::filesystem::create_directory_symlink(folder / "larger", folder / "artefacts" / "weekly");
  EXPECT_EQ(store->probe("weekly").error().code(), ErrorCode::store_not_writable);
  EXPECT_TRUE(store->look("hourly"));
  EXPECT_TRUE(store->look(""));
}

// Root may look everywhere: that it may not is acted.
class ClosedFolder final : public platform::ForwardingFileSystem {
 public:
  ClosedFolder(platform::Path path, unsigned owner)
      : ForwardingFileSystem(platform::real_file_system()), path_(std::move(path)), owner_(owner) {}
  Result<std::vector<platform::Entry>> list(const platform::Path& path) override {
    if (path == path_) return fail(platform::file_error(EACCES, path));
    return ForwardingFileSystem::list(path);
  }
  Result<platform::FileInfo> info(const platform::Path& path) override {
    auto info = ForwardingFileSystem::info(path);
    if (info && path == path_) info->owner = owner_;
    return info;
  }

 private:
  const platform::Path path_;
  const unsigned owner_;
};

TEST(LocalStore, AFolderThatIsClosedToUsHidesNothingOfOurs) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "artefacts" / "mysql");
  ClosedFolder files(folder / "artefacts" / "mysql", ::geteuid() + 1);
  const auto store = store::make_local_store(files, "s", folder / "artefacts");
  ASSERT_TRUE(publish(*store, kId));
  EXPECT_EQ(*store->list(), std::vector{kId});
  EXPECT_TRUE(store->debris()->empty());
}

TEST(LocalStore, AFolderOfOurOwnThatCannotBeReadIsNoEmptyOne) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "artefacts" / "nightly");
  ClosedFolder files(folder / "artefacts" / "nightly", ::geteuid());
  const auto store = store::make_local_store(files, "s", folder / "artefacts");
  EXPECT_EQ(store->list().error().code(), ErrorCode::file_permission);
}

TEST(LocalStore, LeavesFoldersWithOtherNamesAlone) {
  const TempFolder folder;
  auto& files = platform::real_file_system();
  const auto store = store::make_local_store(files, "s", folder / "artefacts");
  ASSERT_TRUE(files.create_folder(folder / "artefacts" / "nightly" / "mine"));
  ASSERT_TRUE(files.create_folder(folder / "artefacts" / "other" / kId.str()));
  ASSERT_TRUE(files.create_folder(folder / "artefacts" / "lost+found"));
  EXPECT_TRUE(store->debris()->empty());
  EXPECT_TRUE(store->list()->empty());
}

TEST(LocalStore, ALinkInAnArtefactIsNotARegularFile) {
  const TempFolder folder;
  const auto store =
      store::make_local_store(platform::real_file_system(), "s", folder / "artefacts");
  ASSERT_TRUE(publish(*store, kId));
  std::filesystem::create_symlink("/etc/passwd", store->artefact_path(kId) / "dump" / "2.dat.zst");
  const auto source = store->open(kId);
  ASSERT_TRUE(source);
  const auto list = (*source)->list();
  ASSERT_TRUE(list);
  const auto link = std::ranges::find(*list, "dump/2.dat.zst", &artefact::StoredFile::name);
  ASSERT_NE(link, list->end());
  EXPECT_FALSE(link->regular);
  EXPECT_FALSE((*source)->open("dump/2.dat.zst"));
}

}  // namespace
}  // namespace vigie::testing
