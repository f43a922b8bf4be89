// vigie backup ack, migrate, and a daemon that goes away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cli_program.h"

namespace vigie::cli {
namespace {

using testing::Printed;
using testing::Scripted;

TEST(BackupAck, TakesABackupOrAllThatAreLost) {
  for (const auto& words : {std::vector{"backup", "ack", "--reason", "x"}}) {
    Scripted program;
    EXPECT_EQ(program.run(words).exit_code, 2);
    EXPECT_TRUE(program.script.asked.empty());
  }
}

TEST(BackupAck, OfAllThatAreLostIsAnActForEach) {
  Scripted program;
  program.answers(200, R"({"data":{"lost":[{"backup_id":"a"},{"backup_id":"b"}]}})");
  program.answers(200, R"({"id":"a"})");
  program.answers(409, R"({"code":"nothing_to_acknowledge","detail":"None.","next":"Look."})");
  const Printed printed =
      program.run({"backup", "ack", "--lost", "--reason", "the disk is gone", "-o", "json"});
  EXPECT_EQ(printed.exit_code, 5);
  EXPECT_EQ(parse_json(printed.out)->as_array().size(), 1U);
  ASSERT_EQ(program.script.asked.size(), 3U);
  EXPECT_EQ(program.script.asked[2].target, "/v1/backups/b/loss");
  EXPECT_EQ(program.script.asked[2].body.at("reason"), "the disk is gone");
}

TEST(Migrate, DoesNotVouchForADaemonOfAnotherRelease) {
  for (const bool same : {true, false}) {
    Scripted program;
    program.has_daemon(program.configuration_sha256());
    program.answers(503,  // not ready: the chain is damaged, say
                    same ? R"({"service":{"version":""}})" : R"({"service":{"version":"0.9"}})");
    const Printed printed = program.run({"migrate"});
    EXPECT_EQ(printed.exit_code, same ? 0 : 5);
    EXPECT_EQ(printed.words.find("restart") == std::string::npos, same);
  }
}

// As when it stops between two questions.
TEST(Daemon, ThatIsGoneIsSaidToBe) {
  const testing::TempFolder folder;
  const auto daemon = make_socket_backend(folder / "vigie.sock");
  const auto answer = daemon->ask({.target = "/v1/runs/1"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::daemon_unreachable);
  EXPECT_NE(answer.error().detail(Audience::operators).find("vigie.sock"), std::string::npos);
}

}  // namespace
}  // namespace vigie::cli
