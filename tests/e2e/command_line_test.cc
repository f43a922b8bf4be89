// The command line as an operator meets it: the real binary, with a daemon and without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <map>

#include "platform/lock_file.h"
#include "tests/support/vigie_host.h"

namespace vigie::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kNowhere = "host=/nowhere dbname=app user=vigie";

// Every file and folder below, with what tells that it was written to.
std::map<std::string, std::string> mark_of(const platform::Path& root) {
  std::map<std::string, std::string> mark;
  std::error_code missing;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, missing)) {
    struct ::stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0) continue;
    mark[entry.path().string()] =
        std::to_string(info.st_size) + " " + std::to_string(info.st_mtim.tv_sec) + "." +
        std::to_string(info.st_mtim.tv_nsec) + " " + std::to_string(info.st_ino);
  }
  return mark;
}

const std::vector<std::vector<std::string>> kReading{
    {"status"},
    {"check"},
    {"backup", "list"},
    {"backup", "show", "nightly.app-20261120T020000Z"},
    {"backup", "prune", "--dry-run"},
    {"evidence", "list"},
    {"evidence", "show", "1"},
    {"evidence", "verify"},
    {"schedule", "list"},
    {"token", "list"},
    {"trace", "0123456789abcdef0123456789abcdef"},
    {"run", "show", "0123456789abcdef0123456789abcdef"}};

class CommandLine : public ::testing::Test {
 protected:
  CommandLine() { host_.configure(kNowhere, {"schedule: \"@daily\""}); }
  // A state folder with something in it, and nobody at work on it.
  void leave_a_state(bool killed) {
    ASSERT_TRUE(host_.serve());
    ASSERT_EQ(host_.run({"token", "create"}).status, 0);
    host_.signal(killed ? SIGKILL : SIGTERM);
    ASSERT_GE(host_.wait(), 0);
  }
  std::vector<std::map<std::string, std::string>> marks() const {
    return {mark_of(host_.state()), mark_of(host_.store())};
  }
  VigieHost host_;
};

TEST_F(CommandLine, WhatOnlyReadsWritesNothing) {
  for (const bool killed : {false, true}) {
    leave_a_state(killed);
    const auto before = marks();
    for (const auto& words : kReading) {
      const Ran ran = host_.run(words);
      EXPECT_NE(ran.status, 5) << words.front() << ran.err;
      EXPECT_THAT(ran.err, Not(HasSubstr("does not answer")));
    }
    EXPECT_EQ(marks(), before);
  }
  EXPECT_THAT(host_.run({"token", "list"}).out, HasSubstr("read"));
}

TEST_F(CommandLine, WhatOnlyReadsNeedsNoStateFolderAndMakesNone) {
  for (const auto& words : kReading) (void)host_.run(words);
  EXPECT_FALSE(std::filesystem::exists(host_.state()));
  EXPECT_EQ(host_.run({"backup", "list", "-o", "json"}).out, "[]\n");
}

TEST_F(CommandLine, WhatOnlyReadsWorksBesideALockThatIsHeld) {
  leave_a_state(false);
  const auto lock = platform::LockFile::acquire(host_.state() / "lock").value();
  const Ran list = host_.run({"token", "list"});
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("read"));
  EXPECT_THAT(list.err, HasSubstr("does not answer; this is what it wrote down"));
  EXPECT_EQ(host_.run({"token", "create"}).status, 5);
}

TEST_F(CommandLine, SaysInWordsWhatADaemonWouldLog) {
  leave_a_state(false);
  std::filesystem::create_directories(host_.store() / "nightly" / "nightly.app-20200101T000000Z");
  const Ran list = host_.run({"backup", "list"});
  EXPECT_THAT(list.err, HasSubstr("vigie: Store local"));
  EXPECT_THAT(list.err, HasSubstr("(store_foreign)\n"));
  EXPECT_THAT(list.err, Not(HasSubstr("{")));
}

TEST_F(CommandLine, AHungDaemonIsGivenTwoSeconds) {
  ASSERT_TRUE(host_.serve());
  host_.signal(SIGSTOP);
  const auto began = std::chrono::steady_clock::now();
  const Ran list = host_.run({"backup", "list", "-o", "json"});
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(15));
  EXPECT_EQ(list.status, 0) << list.err;
  EXPECT_EQ(list.out, "[]\n");
  EXPECT_THAT(list.err, HasSubstr("does not answer"));
  host_.signal(SIGCONT);
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(), 0);
}

TEST_F(CommandLine, TellsThatTheDaemonHasNotReadTheFileAsItIsNow) {
  ASSERT_TRUE(host_.serve());
  EXPECT_EQ(host_.run({"backup", "list"}).err.find("another configuration"), std::string::npos);
  host_.configure(kNowhere, {"schedule: \"@hourly\""});
  EXPECT_THAT(host_.run({"backup", "list"}).err, HasSubstr("another configuration than"));
  host_.signal(SIGTERM);
  EXPECT_EQ(host_.wait(), 0);
}

TEST_F(CommandLine, DoesNotStartARunThatWouldEndWithIt) {
  const Ran ran = host_.run({"backup", "run", "nightly", "--no-wait"});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("Leave out --no-wait"));
  EXPECT_FALSE(std::filesystem::exists(host_.state()));
}

}  // namespace
}  // namespace vigie::testing
