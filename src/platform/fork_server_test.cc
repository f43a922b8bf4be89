// What a ProcessRunner's children owe to its fork server: nothing, once they run.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <thread>

#include "platform/process.h"
#include "platform/system_info.h"
#include "tests/support/process_watch.h"
#include "tests/support/shell.h"
#include "tests/support/temp_folder.h"

namespace vigie::platform {
namespace {

using testing::LinePipe;
using testing::ProcessWatch;
using testing::shell;
using namespace std::chrono_literals;

MonoTime soon() {
  return MonoTime::clock::now() + 30s;
}

pid_t parent_of(pid_t pid) {
  std::ifstream status(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("PPid:")) return std::stoi(line.substr(5));
  return -1;
}

bool eventually(const std::function<bool()>& holds) {
  for (const MonoTime end = soon(); !holds(); std::this_thread::yield())
    if (MonoTime::clock::now() > end) return false;
  return true;
}

struct ForkServerTest : ::testing::Test {
  std::unique_ptr<ProcessRunner> runner = make_process_runner();
  LinePipe lines;
  std::unique_ptr<Process> lasting;  // runs until USR1, then ends with 9
  pid_t server = -1;

  void SetUp() override {
    auto started = runner->start(
        shell("trap 'exit 9' USR1; echo $PPID; while :; do sleep 1000 & wait $!; done", lines), {});
    ASSERT_TRUE(started);
    lasting = std::move(*started);
    server = parent_of(lines.pid());
    ASSERT_EQ(parent_of(server), ::getpid());
  }
  void expect_the_lasting_child_to_end_well() const {
    lasting->signal_group(SIGUSR1);
    const auto end = lasting->wait(soon(), {});
    ASSERT_TRUE(end);
    EXPECT_EQ(end->status, 9);
  }
};

TEST_F(ForkServerTest, IsStartedOnceForAllChildren) {
  LinePipe other;
  const auto process = runner->start(shell("echo $PPID; exec sleep 1000", other), {});
  ASSERT_TRUE(process);
  EXPECT_EQ(parent_of(other.pid()), server);
}

TEST_F(ForkServerTest, IsStartedAnewWhenItWasKilled) {
  const ProcessWatch watch(server);
  ::kill(server, SIGKILL);
  ASSERT_TRUE(watch.ends_within(10s));
  EXPECT_TRUE(lasting->running());
  LinePipe other;
  const auto process = runner->start(shell("echo $PPID; exec sleep 1000", other), {});
  ASSERT_TRUE(process) << process.error().detail(Audience::operators);
  EXPECT_NE(parent_of(other.pid()), server);
  expect_the_lasting_child_to_end_well();
}

TEST_F(ForkServerTest, ChildrenOutliveTheirRunner) {
  const ProcessWatch watch(server);
  runner.reset();
  EXPECT_FALSE(watch.alive());
  expect_the_lasting_child_to_end_well();
}

TEST_F(ForkServerTest, LeavesNobodyUnreaped) {
  for (int i = 0; i < 5; ++i) {
    LinePipe other;
    ASSERT_TRUE(run_to_end(*runner, shell("true", other), soon(), {}));
  }
  EXPECT_TRUE(eventually([&] { return child_processes(server).size() == 1; }));
}

TEST_F(ForkServerTest, StartsNothingForWhoGaveUpWaiting) {
  const testing::TempFolder folder;
  const Path mark = folder.path() / "mark";
  ::kill(server, SIGSTOP);
  ASSERT_TRUE(testing::reaches_state(server, 'T'));
  std::stop_source source;
  source.request_stop();
  LinePipe other;
  const auto given_up = runner->start(shell("echo > " + mark.string(), other), source.get_token());
  ASSERT_FALSE(given_up);
  EXPECT_EQ(given_up.error().code(), ErrorCode::cancelled);
  ::kill(server, SIGCONT);
  // One after the other: the next one's supervisor is forked after the first one's.
  ASSERT_TRUE(run_to_end(*runner, shell("true", other), soon(), {}));
  EXPECT_TRUE(eventually([&] { return child_processes(server).size() == 1; }));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_F(ForkServerTest, AKillInTheMidstOfAStartIsAnError) {
  ::kill(server, SIGSTOP);
  ASSERT_TRUE(testing::reaches_state(server, 'T'));
  LinePipe other;
  Result<std::unique_ptr<Process>> started = fail(ErrorCode::internal_error);
  std::jthread starter([&] { started = runner->start(shell("true", other), {}); });
  const auto asleep = [&] {
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task"))
      if (task.path().filename() != std::to_string(::getpid()) &&
          testing::process_state(std::stoi(task.path().filename())) == 'S')
        return true;
    return false;
  };
  ASSERT_TRUE(eventually(asleep));
  ::kill(server, SIGKILL);
  starter.join();
  if (started) return;  // it slept before it had asked, and a new server answered
  EXPECT_EQ(started.error().code(), ErrorCode::process_spawn);
}

TEST_F(ForkServerTest, ServesManyThreadsAtOnce) {
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([this, thread] {
      for (int i = 0; i < 10; ++i) {
        LinePipe own;
        const auto end =
            run_to_end(*runner, shell(fmt::format("echo {0}; exit {0}", thread), own), soon(), {});
        ASSERT_TRUE(end) << end.error().detail(Audience::operators);
        EXPECT_EQ(end->status, thread);
        EXPECT_EQ(own.line(), std::to_string(thread));
      }
    });
  }
}

TEST_F(ForkServerTest, PassesAsManyArgumentsAsTheKernelTakes) {
  LinePipe other;
  Command command = shell("echo $#", other);
  command.arguments.resize(1002, std::string(1000, 'x'));
  ASSERT_TRUE(run_to_end(*runner, command, soon(), {}));
  EXPECT_EQ(other.line(), "999");  // the first after the script is $0
  command.arguments.resize(4000, std::string(1000, 'x'));
  const auto refused = runner->start(command, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().parameter("reason"), "Argument list too long");
}

TEST_F(ForkServerTest, PassesEmptyArgumentsAndLineBreaks) {
  LinePipe other;
  Command command = shell("printf '%s|%s|' \"$1\" \"$2\"; echo \"$X\"", other);
  command.arguments.insert(command.arguments.end(), {"sh", "", "a b"});
  command.environment = {{"X", "=1="}};
  ASSERT_TRUE(run_to_end(*runner, command, soon(), {}));
  EXPECT_EQ(other.line(), "|a b|=1=");
}

TEST_F(ForkServerTest, RefusesANulByteWhereverItStands) {
  Command folder = shell("true", lines);
  folder.folder = Path(std::string("/\0tmp", 5));
  EXPECT_FALSE(runner->start(folder, {}));
  Command environment = shell("true", lines);
  environment.environment = {{"X", std::string("1\0Y=2", 5)}};
  EXPECT_FALSE(runner->start(environment, {}));
}

}  // namespace
}  // namespace vigie::platform
