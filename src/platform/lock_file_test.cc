#include "platform/lock_file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/support/process_watch.h"
#include "tests/support/temp_folder.h"

namespace vigie::platform {
namespace {

struct LockFileTest : ::testing::Test {
  testing::TempFolder folder;
  Path path = folder / "lock";
};

TEST_F(LockFileTest, IsFreeUntilItIsTakenAndAfterIt) {
  EXPECT_EQ(lock_holder(path).value(), std::nullopt);
  {
    const auto lock = LockFile::acquire(path);
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock_holder(path).value(), ::getpid());
  }
  EXPECT_EQ(lock_holder(path).value(), std::nullopt);
  EXPECT_TRUE(LockFile::acquire(path));
}

TEST_F(LockFileTest, ThoseWhoAskDoNotKeepItFromBeingTaken) {
  ASSERT_TRUE(LockFile::acquire(path));
  std::jthread asking([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) (void)lock_holder(path);
  });
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(LockFile::acquire(path)) << i;
}

TEST_F(LockFileTest, SaysWhoHoldsIt) {
  const auto lock = LockFile::acquire(path);
  ASSERT_TRUE(lock);
  const auto second = LockFile::acquire(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::state_locked);
  EXPECT_EQ(second.error().parameter("pid"), std::to_string(::getpid()));
}

TEST_F(LockFileTest, EndsWithAProcessThatIsKilled) {
  testing::LinePipe lines;
  const pid_t holder = ::fork();
  if (holder == 0) {
    const auto lock = LockFile::acquire(path);
    (void)!::write(lines.writing_end(), lock ? "held\n" : "free\n", 5);
    ::pause();
    ::_exit(0);
  }
  EXPECT_EQ(lines.line(), "held");
  EXPECT_EQ(lock_holder(path).value(), holder);
  EXPECT_FALSE(LockFile::acquire(path));
  ::kill(holder, SIGKILL);
  ::waitpid(holder, nullptr, 0);
  EXPECT_TRUE(LockFile::acquire(path));
}

TEST_F(LockFileTest, FailsWhereItCannotBeMade) {
  EXPECT_EQ(LockFile::acquire(folder / "missing/lock").error().code(), ErrorCode::file_not_found);
  ASSERT_EQ(::symlink("elsewhere", path.c_str()), 0);
  EXPECT_FALSE(LockFile::acquire(path)) << "a link is not followed";
}

}  // namespace
}  // namespace vigie::platform
