// What an observer remembers, as docs/formats/observed-1.md has it.
#include "proof/observer_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_folder.h"

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kKey(32, 'a');

ObserverState some_state() {
  ObserverState state;
  state.key = kKey;
  state.lineage = std::string(32, 'f');
  state.generation = 7;
  state.began_at = SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 20));
  state.server = {
      {"7300", "00000001"}, "2026-11-20T01:59:58.123456Z", "boot", "2026-11-01T08:00:00.5Z", "u1"};
  state.previous = ServerIdentity{{"7300", ""}, "2026-11-19T01:59:58.123456Z", "", "", ""};
  state.before_restart = 17;
  state.unsafe = "fsync";
  state.retired = {{std::string(32, 'b'), true}, {std::string(32, 'c'), false}};
  return state;
}

class ObserverStateTest : public ::testing::Test {
 protected:
  testing::TempFolder folder_;
  platform::FileSystem& disk_ = platform::real_file_system();
  const ObserverFiles files_{disk_, folder_.path(), "app"};
};

TEST_F(ObserverStateTest, IsReadAsItWasWritten) {
  EXPECT_FALSE(files_.read()->has_value()) << "it has never observed";
  ASSERT_TRUE(files_.write(some_state()));
  const ObserverState read = *files_.read().value();
  EXPECT_EQ(read.key, kKey);
  EXPECT_EQ(read.began_at, some_state().began_at);
  EXPECT_EQ(read.lineage, std::string(32, 'f'));
  EXPECT_EQ(read.generation, 7u);
  EXPECT_EQ(read.server.cluster, some_state().server.cluster);
  EXPECT_EQ(read.server.boot_id, "boot");
  EXPECT_EQ(read.server.statistics_began_at, "2026-11-01T08:00:00.5Z");
  EXPECT_EQ(read.server.pod_uid, "u1");
  EXPECT_EQ(read.previous->postmaster_started_at, "2026-11-19T01:59:58.123456Z");
  EXPECT_EQ(read.before_restart, 17u);
  EXPECT_EQ(read.unsafe, "fsync");
  ASSERT_EQ(read.retired.size(), 2u);
  EXPECT_TRUE(read.retired[0].kept);
  EXPECT_FALSE(read.retired[1].kept);
}

TEST_F(ObserverStateTest, WhatAnOlderReleaseWroteIsRead) {
  const std::string text =
      R"({"schema":"vigie.observed/1","proof":"app","key":")" + kKey +
      R"(","began_at":"2026-11-20T02:00:00Z","server":{"system_identifier":"7300",)"
      R"("postmaster_started_at":"2026-11-20T01:59:58.123456Z","boot_id":"boot"},"previous":null,)"
      R"("before_restart":0,"unsafe":"","retired":[]})";
  ASSERT_TRUE(platform::write_file_replace(disk_, folder_ / "app.observed", text));
  const auto read = files_.read();
  ASSERT_TRUE(read && *read);
  EXPECT_EQ((*read)->key, kKey);
  EXPECT_EQ((*read)->lineage, "");
  EXPECT_EQ((*read)->generation, 0u);
  EXPECT_EQ((*read)->server.statistics_began_at, "");
  EXPECT_EQ((*read)->server.pod_uid, "");
}

TEST_F(ObserverStateTest, TablesOfLaterGenerationsAreKnownAndOthersAreNot) {
  const ObserverState state = some_state();
  const auto table = [&](uint64_t generation) {
    return observed_table(generation_key(state.lineage, generation));
  };
  const std::string of_another = observed_table(generation_key(std::string(32, 'e'), 9));
  EXPECT_THAT(later_generations(state, {table(6), table(7), of_another}), IsEmpty());
  EXPECT_THAT(later_generations(state, {table(9), table(6), table(200)}), ElementsAre(9, 200));
  EXPECT_THAT(later_generations(state, {table(7 + 10'001)}), IsEmpty()) << "so far nobody looks";
  EXPECT_THAT(later_generations(ObserverState{}, {table(9)}), IsEmpty());
}

TEST_F(ObserverStateTest, AnythingElseIsRefused) {
  ASSERT_TRUE(files_.write(some_state()));
  const std::string good = *platform::read_file(disk_, folder_ / "app.observed", 64_KiB);
  const std::pair<std::string, std::string> changes[] = {
      {"observed/1", "observed/2"},         {kKey, "../../etc"},
      {"\"kept\":true", "\"kept\":1"},      {"2026-11-20T00:00:00Z", "today"},
      {"\"before_restart\":17", "\"x\":1"}, {"\"server\"", "\"sever\""},
      {"\"retired\":[", "\"retired\":[7,"}};
  for (const auto& [from, to] : changes) {
    std::string text = good;
    ASSERT_NE(text.find(from), std::string::npos) << from;
    text.replace(text.find(from), from.size(), to);
    ASSERT_TRUE(platform::write_file_replace(disk_, folder_ / "app.observed", text));
    const auto read = files_.read();
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code(), ErrorCode::file_corrupt);
  }
}

TEST_F(ObserverStateTest, OnlyItsOwnLogsOfWhichItDoesNotKnowAreRemoved) {
  const ObserverState state = some_state();
  const auto touch = [&](const platform::Path& path) {
    ASSERT_TRUE(platform::write_file_new(disk_, path, "x"));
  };
  touch(files_.log(kKey));
  touch(files_.log(state.retired[0].key));
  touch(files_.log(std::string(32, 'd')));
  touch(folder_ / "app-2.dddddddddddd.log");
  touch(folder_ / (std::string(32, 'e') + ".log"));
  ASSERT_TRUE(files_.remove_strays(state));
  EXPECT_EQ(disk_.list(folder_.path())->size(), 4u);
  EXPECT_FALSE(disk_.info(files_.log(std::string(32, 'd'))));
}

}  // namespace
}  // namespace vigie::proof
