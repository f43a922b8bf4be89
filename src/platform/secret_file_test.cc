#include "platform/secret_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace vigie::platform {
namespace {

constexpr gid_t kStrangeGroup = 54321;

struct SecretFileTest : ::testing::Test {
  testing::TempFolder folder;
  Path path = folder / "secret";

  void write(std::string_view text, mode_t mode = 0600) {
    std::ofstream(path, std::ios::binary) << text;
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
  }
  std::string read() {
    const auto secret = read_secret_file(path, 1_KiB);
    return secret ? secret->reveal() : "error " + std::string(secret.error().info().name);
  }
};

TEST_F(SecretFileTest, TrimsOneNewline) {
  write("hunter2\n");
  EXPECT_EQ(read(), "hunter2");
  write("hunter2\r\n");
  EXPECT_EQ(read(), "hunter2");
  write("hunter2 \n\n");
  EXPECT_EQ(read(), "hunter2 \n");
  write("hunter2\r");
  EXPECT_EQ(read(), "hunter2\r");
}

TEST_F(SecretFileTest, RefusesWhatIsNoSecret) {
  write("");
  EXPECT_EQ(read(), "error secret_file_invalid");
  write("\n");
  EXPECT_EQ(read(), "error secret_file_invalid");
  write(std::string_view("a\0b", 3));
  EXPECT_EQ(read(), "error secret_file_invalid");
  path = folder.path();
  EXPECT_EQ(read(), "error secret_file_invalid");
  path = folder / "missing";
  EXPECT_EQ(read(), "error secret_file_missing");
}

TEST_F(SecretFileTest, DoesNotWaitForTheWriterOfAFifo) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(read(), "error secret_file_invalid");
}

TEST_F(SecretFileTest, LimitsTheSize) {
  write(std::string(1024, 'x'));
  EXPECT_EQ(read().size(), 1024U);
  write(std::string(1025, 'x'));
  EXPECT_EQ(read(), "error limit_exceeded");
}

TEST_F(SecretFileTest, RefusesAnyBitForOthers) {
  for (const mode_t mode : {0604U, 0602U, 0601U}) {
    write("x", mode);
    EXPECT_EQ(read(), "error secret_file_mode") << mode;
  }
}

TEST_F(SecretFileTest, LetsItsOwnGroupReadAndNoMore) {
  write("hunter2", 0640);
  EXPECT_EQ(read(), "hunter2");
  write("hunter2", 0660);
  EXPECT_EQ(read(), "error secret_file_mode");
}

TEST_F(SecretFileTest, RefusesAnotherGroupAndAnotherOwner) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  write("hunter2", 0640);
  ASSERT_EQ(::chown(path.c_str(), 0, kStrangeGroup), 0);
  EXPECT_EQ(read(), "error secret_file_mode");
  write("hunter2", 0600);
  EXPECT_EQ(read(), "hunter2") << "a group without bits does not matter";
  ASSERT_EQ(::chown(path.c_str(), 12345, 0), 0);
  EXPECT_EQ(read(), "error secret_file_mode");
}

TEST_F(SecretFileTest, AcceptsACredentialAsSystemdMadeIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  write("hunter2", 0440);
  ASSERT_EQ(::chown(path.c_str(), 0, kStrangeGroup), 0);
  EXPECT_EQ(read(), "error secret_file_mode");
  ::setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);
  EXPECT_EQ(read(), "hunter2");
  write("hunter2", 0444);
  EXPECT_EQ(read(), "error secret_file_mode");
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_F(SecretFileTest, FollowsTheLinksOfAKubernetesSecret) {
  write("hunter2");
  ASSERT_EQ(::symlink("secret", (folder / "link").c_str()), 0);
  path = folder / "link";
  EXPECT_EQ(read(), "hunter2");
}

TEST_F(SecretFileTest, SeesARotation) {
  write("old");
  EXPECT_EQ(read(), "old");
  write("new");
  EXPECT_EQ(read(), "new");
}

TEST_F(SecretFileTest, NamesTheModeAndNotTheContent) {
  write("hunter2", 0644);
  const auto refused = check_secret_file(path);
  ASSERT_FALSE(refused);
  const std::string words = refused.error().detail(Audience::operators);
  EXPECT_NE(words.find("0644"), std::string::npos);
  EXPECT_EQ(words.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace vigie::platform
