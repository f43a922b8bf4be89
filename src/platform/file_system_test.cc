// The real file system, where it is not like the one that the other tests run on.
#include "platform/file_system.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cstddef>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace vigie::platform {
namespace {

using testing::TempFolder;

void write(const Path& path, std::string_view text) {
  std::ofstream(path) << text;
}

// From here on renameat2 refuses its flags, as on NFS.
bool refuse_rename_flags() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{std::size(filter), filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(FileSystem, PublishesWhereRenameKnowsNoFlags) {
  const TempFolder folder;
  const auto publishes = [&] {
    if (!refuse_rename_flags()) return 2;
    FileSystem& files = real_file_system();
    const bool first = write_file_new(files, folder / "new", "text").has_value();
    const auto second = write_file_new(files, folder / "new", "other");
    return first && !second && second.error().code() == ErrorCode::file_exists ? 0 : 1;
  };
  EXPECT_EXIT(std::_Exit(publishes()), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(read_file(real_file_system(), folder / "new", 1_KiB), "text");
}

TEST(FileSystem, SyncsManyFilesAsOne) {
  const TempFolder folder;
  std::vector<Path> paths;
  for (int i = 0; i < 100; ++i) write(paths.emplace_back(folder / std::to_string(i)), "text");
  EXPECT_TRUE(real_file_system().sync_files(paths));
}

TEST(FileSystem, DoesNotSyncAFileThatIsGone) {
  const TempFolder folder;
  for (const int count : {1, 100}) {
    std::vector<Path> paths;
    for (int i = 0; i < count; ++i) write(paths.emplace_back(folder / std::to_string(i)), "text");
    std::filesystem::remove(paths.back());
    const auto synced = real_file_system().sync_files(paths);
    ASSERT_FALSE(synced);
    EXPECT_EQ(synced.error().code(), ErrorCode::file_not_found);
    EXPECT_FALSE(std::filesystem::exists(paths.back()));
  }
}

}  // namespace
}  // namespace vigie::platform
