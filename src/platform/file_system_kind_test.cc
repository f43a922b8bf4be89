#include "platform/file_system_kind.h"

#include <gtest/gtest.h>
#include <linux/magic.h>

namespace vigie::platform {
namespace {

TEST(FileSystemKind, NamesWhatForgetsAndWhatIsSomewhereElse) {
  EXPECT_EQ(unusual_file_system(TMPFS_MAGIC), "tmpfs");
  EXPECT_EQ(unusual_file_system(NFS_SUPER_MAGIC), "nfs");
  EXPECT_EQ(unusual_file_system(static_cast<int>(0xfe534d42)), "smb2") << "a negative number";
  EXPECT_EQ(unusual_file_system(EXT4_SUPER_MAGIC), "");
}

TEST(FileSystemKind, LooksAtWhatIsThere) {
  EXPECT_EQ(unusual_file_system(Path("/dev/shm")), "tmpfs");
  EXPECT_EQ(unusual_file_system(Path("/proc/self")), "") << "no place for data, and none of these";
  EXPECT_EQ(unusual_file_system(Path("/no/such/folder")), "");
}

}  // namespace
}  // namespace vigie::platform
