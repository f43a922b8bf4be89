#include "platform/system_info.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "tests/support/process_watch.h"

namespace vigie::platform {
namespace {

TEST(SystemInfoTest, SaysTheHostAndTheBoot) {
  EXPECT_FALSE(host_name().empty());
  EXPECT_EQ(boot_id().size(), 36U);
  EXPECT_EQ(boot_id(), boot_id());
}

TEST(SystemInfoTest, KnowsItsOwnAddresses) {
  for (const char* own : {"127.0.0.1", "127.0.1.1", "[::1]", "localhost", "s3.localhost"})
    EXPECT_TRUE(is_own_address(own)) << own;
  EXPECT_TRUE(is_own_address(host_name()));
  for (const char* other :
       {"192.0.2.1", "[2001:db8::1]", "s3.example.org", "127.0.0.1.example.org", ""})
    EXPECT_FALSE(is_own_address(other)) << other;
}

TEST(SystemInfoTest, MemoryGrowsWithWhatIsUsed) {
  const Bytes before = resident_memory();
  std::string ballast(32 << 20, 'x');
  EXPECT_GE(resident_memory().count, before.count + (30U << 20)) << ballast.size();
  EXPECT_EQ(resident_memory(::getpid()).value().count >> 22, resident_memory().count >> 22);
}

TEST(SystemInfoTest, AProcessThatIsNotThereHasNoMemory) {
  EXPECT_EQ(resident_memory(0x7ffffff0).error().code(), ErrorCode::file_not_found);
  EXPECT_TRUE(child_processes(0x7ffffff0).empty());
}

TEST(SystemInfoTest, FindsChildrenAndTheirChildren) {
  testing::LinePipe lines;
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(lines.writing_end(), STDOUT_FILENO);
    ::execl("/bin/sh", "sh", "-c", "sleep 1000 & echo $!; wait", nullptr);
    ::_exit(1);
  }
  const pid_t grandchild = lines.pid();
  const auto children = child_processes(::getpid());
  EXPECT_NE(std::ranges::find(children, child), children.end());
  EXPECT_EQ(std::ranges::find(children, grandchild), children.end());
  const auto all = descendant_processes(::getpid());
  EXPECT_LT(std::ranges::find(all, child), std::ranges::find(all, grandchild));
  EXPECT_NE(std::ranges::find(all, grandchild), all.end());
  ::kill(grandchild, SIGKILL);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace vigie::platform
