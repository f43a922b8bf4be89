#include "platform/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "platform/stderr_text.h"
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

struct ProcessTest : ::testing::Test {
  std::unique_ptr<ProcessRunner> runner = make_process_runner();

  std::unique_ptr<Process> start(const Command& command) {
    auto process = runner->start(command, {});
    EXPECT_TRUE(process) << process.error().detail(Audience::operators);
    return std::move(*process);
  }
  ProcessEnd run(const Command& command) {
    auto end = run_to_end(*runner, command, soon(), {});
    EXPECT_TRUE(end) << end.error().detail(Audience::operators);
    return end.value_or(ProcessEnd{-1, false, ""});
  }
};

TEST_F(ProcessTest, GivesTheExitStatus) {
  const ProcessEnd end = run(shell("exit 7"));
  EXPECT_EQ(end.status, 7);
  EXPECT_FALSE(end.signalled);
}

TEST_F(ProcessTest, GivesASignalAs128AndItsNumber) {
  const ProcessEnd end = run(shell("kill -9 $$"));
  EXPECT_EQ(end.status, 128 + SIGKILL);
  EXPECT_TRUE(end.signalled);
}

TEST_F(ProcessTest, ReportsAProgramThatIsNotThere) {
  Command command;
  command.program = "/nonexistent/pg_dump";
  const auto started = runner->start(command, {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::process_spawn);
  EXPECT_EQ(started.error().parameter("command"), "pg_dump");
  EXPECT_EQ(started.error().parameter("reason"), "No such file or directory");
}

TEST_F(ProcessTest, ReportsASupervisorThatIsNotThere) {
  const auto started = make_process_runner("/nonexistent/vigie")->start(shell("true"), {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::process_spawn);
}

TEST_F(ProcessTest, RefusesANulByteInAnArgument) {
  const auto started = runner->start(shell(std::string("true\0false", 10)), {});
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::process_spawn);
}

TEST_F(ProcessTest, ReportsAWorkingFolderThatIsNotThere) {
  Command command = shell("true");
  command.folder = "/nonexistent";
  EXPECT_EQ(runner->start(command, {}).error().code(), ErrorCode::process_spawn);
}

TEST_F(ProcessTest, WritesItsOutputWhereItWasTold) {
  LinePipe lines;
  EXPECT_EQ(run(shell("pwd; echo \"$0 $1\"", lines)).status, 0);
  EXPECT_EQ(lines.line(), "/");
}

TEST_F(ProcessTest, HasOnlyTheEnvironmentThatItWasGiven) {
  ::setenv("VIGIE_TEST_LEAK", "1", 1);
  LinePipe lines;
  Command command = shell("echo \"$PGAPPNAME|$TZ|$VIGIE_TEST_LEAK\"", lines);
  command.environment = {{"PGAPPNAME", "x y"}, {"TZ", "Asia/Tokyo"}};
  EXPECT_EQ(run(command).status, 0);
  ::unsetenv("VIGIE_TEST_LEAK");
  EXPECT_EQ(lines.line(), "x y|Asia/Tokyo|");
}

TEST_F(ProcessTest, HasNoOtherDescriptorThanTheThreeStandardOnes) {
  const Descriptor careless(::open("/dev/null", O_RDONLY));  // without close-on-exec, on purpose
  LinePipe lines;
  Command command;
  command.program = "/bin/ls";
  command.arguments = {"/proc/self/fd"};
  command.output = lines.writing_end();
  EXPECT_EQ(run(command).status, 0);
  lines.close_writing_end();
  std::string all;
  for (std::string line = lines.line(); !line.empty(); line = lines.line()) all += line + " ";
  EXPECT_EQ(all, "0 1 2 3 ");  // 3 is ls reading the folder
}

TEST_F(ProcessTest, KeepsTheFirstAndTheLastOfAHugeStderr) {
  Command command =
      shell("echo begin >&2; head -c 20000000 /dev/zero | tr '\\0' x >&2; echo end >&2");
  command.keep_stderr = 4096;
  const ProcessEnd end = run(command);
  EXPECT_TRUE(end.error_text.starts_with("begin\nxxx"));
  EXPECT_TRUE(
      end.error_text.ends_with("xxx"
                               "end\n"));
  EXPECT_NE(end.error_text.find("bytes left out]"), std::string::npos);
  EXPECT_LT(end.error_text.size(), 4200U);
}

TEST_F(ProcessTest, DeliversMoreStderrThanASocketHolds) {
  Command command = shell("head -c 3000000 /dev/zero | tr '\\0' x >&2");
  command.keep_stderr = 8 << 20;
  EXPECT_EQ(run(command).error_text, std::string(3000000, 'x'));
}

TEST_F(ProcessTest, TerminatesTheGroupAtItsDeadline) {
  LinePipe lines;
  const auto process = start(shell("echo $$; exec sleep 1000", lines));
  const ProcessWatch child(lines.pid());
  const auto end = process->wait(MonoTime::clock::now() + 50ms, {});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_FALSE(child.alive());
}

TEST_F(ProcessTest, TerminatesTheGroupOnAStop) {
  LinePipe lines;
  const auto process = start(shell("echo $$; exec sleep 1000", lines));
  const ProcessWatch child(lines.pid());
  std::stop_source source;
  std::jthread stopper([&] { source.request_stop(); });
  const auto end = process->wait(soon(), source.get_token());
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::cancelled);
  EXPECT_FALSE(child.alive());
}

TEST_F(ProcessTest, KillsWhatIgnoresTermAfterTheGrace) {
  LinePipe lines;
  const auto process = start(shell("trap '' TERM; echo $$; while :; do sleep 1; done", lines));
  const ProcessWatch child(lines.pid());
  const auto began = MonoTime::clock::now();
  EXPECT_FALSE(process->wait(began, {}));
  EXPECT_FALSE(child.alive());
  EXPECT_GE(MonoTime::clock::now() - began, 5s);
  EXPECT_LT(MonoTime::clock::now() - began, 20s);
}

TEST_F(ProcessTest, TerminatesAGroupThatIsHeldBack) {
  LinePipe lines;
  const auto process = start(shell("echo $$; exec sleep 1000", lines));
  const pid_t pid = lines.pid();
  process->signal_group(SIGSTOP);
  ASSERT_TRUE(testing::reaches_state(pid, 'T'));
  const auto began = MonoTime::clock::now();
  EXPECT_FALSE(process->wait(began, {}));
  EXPECT_LT(MonoTime::clock::now() - began, 4s) << "TERM alone must have been enough";
}

TEST_F(ProcessTest, HoldsTheWholeGroupBackAndLetsItGoOn) {
  LinePipe lines;
  const auto process = start(shell("sleep 1000 & echo $!; echo $$; wait", lines));
  const pid_t worker = lines.pid();
  const pid_t child = lines.pid();
  process->signal_group(SIGSTOP);
  EXPECT_TRUE(testing::reaches_state(worker, 'T'));
  EXPECT_TRUE(testing::reaches_state(child, 'T'));
  EXPECT_TRUE(process->running());
  process->signal_group(SIGCONT);
  EXPECT_TRUE(testing::reaches_state(worker, 'S'));
  EXPECT_TRUE(testing::reaches_state(child, 'S'));
}

TEST_F(ProcessTest, TakesSignalsFromOneThreadWhileAnotherWaits) {
  LinePipe lines;
  const auto process =
      start(shell("trap 'exit 9' USR1; echo ready; while :; do sleep 1000 & wait $!; done",
                  lines.writing_end()));
  Result<ProcessEnd> end = fail(ErrorCode::internal_error);
  std::jthread waiter([&] { end = process->wait(soon(), {}); });
  EXPECT_EQ(lines.line(), "ready");
  for (int i = 0; i < 100; ++i) {
    process->signal_group(i % 2 == 0 ? SIGSTOP : SIGCONT);
    EXPECT_TRUE(process->running());
  }
  process->signal_group(SIGUSR1);
  waiter.join();
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, 9);
}

TEST_F(ProcessTest, EndsDescendantsThatLeftTheGroupWhenTheProgramEnds) {
  LinePipe lines;
  const auto process = start(
      shell("trap 'exit 0' USR1; echo $(setsid sh -c 'setsid sleep 1000 >/dev/null & echo $!');"
            "while :; do sleep 1000 & wait $!; done",
            lines.writing_end()));
  const ProcessWatch orphan(lines.pid());
  EXPECT_TRUE(orphan.alive());
  process->signal_group(SIGUSR1);
  ASSERT_TRUE(process->wait(soon(), {}));
  EXPECT_FALSE(orphan.alive());
}

TEST_F(ProcessTest, EndsEverythingWhenItIsDropped) {
  LinePipe lines;
  auto process = start(shell("setsid sleep 1000 & echo $!; trap '' TERM; echo $$; wait", lines));
  const ProcessWatch orphan(lines.pid());
  const ProcessWatch child(lines.pid());
  process.reset();
  EXPECT_FALSE(orphan.alive());
  EXPECT_FALSE(child.alive());
}

TEST_F(ProcessTest, LeavesNoDescendantWhenTheParentIsKilled) {
  LinePipe lines;
  const pid_t parent = ::fork();
  if (parent == 0) {
    const auto process =
        runner->start(shell("setsid sh -c 'setsid sleep 1000 & echo $!; trap \"\" TERM HUP; echo "
                            "$$; wait' & echo $$; wait",
                            lines.writing_end()),
                      {});
    ::pause();
    ::_exit(0);
  }
  std::vector<ProcessWatch> watches;
  watches.reserve(3);
  for (int i = 0; i < 3; ++i) watches.emplace_back(lines.pid());
  for (const ProcessWatch& one : watches) EXPECT_TRUE(one.alive());
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  for (const ProcessWatch& one : watches) EXPECT_TRUE(one.ends_within(10s));
}

TEST_F(ProcessTest, LosesTheProgramWhenTheSupervisorIsKilled) {
  LinePipe lines;
  const auto process = start(shell("echo $$; echo $PPID; exec sleep 1000", lines));
  const ProcessWatch child(lines.pid());
  ::kill(lines.pid(), SIGKILL);
  const auto end = process->wait(soon(), {});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::process_failed);
  EXPECT_TRUE(child.ends_within(10s));
}

TEST_F(ProcessTest, IsNotReachedByATermToItsSupervisor) {
  LinePipe lines;
  LinePipe other;
  const auto process = start(shell("echo $PPID; echo $$; exec sleep 1000", lines));
  const pid_t supervisor = lines.pid();
  const ProcessWatch child(lines.pid());
  ::kill(supervisor, SIGTERM);
  ::kill(supervisor, SIGINT);
  process->signal_group(SIGUSR1);  // ordered after them: it is alive to pass this on
  const auto end = process->wait(soon(), {});
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, 128 + SIGUSR1);
}

TEST_F(ProcessTest, SupervisorStaysSmallBesideALargeParent) {
  std::vector<char> ballast(256 << 20, 'x');
  LinePipe lines;
  const auto process = start(shell("echo $PPID; exec sleep 1000", lines));
  const auto resident = resident_memory(lines.pid());
  ASSERT_TRUE(resident);
  EXPECT_GT(resident_memory().count, ballast.size());
  EXPECT_LT(resident->count, 64U << 20);  // sanitizers make it larger than it is in a release
}

TEST_F(ProcessTest, LeavesNoDescriptorBehind) {
  const auto open = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  (void)run(shell("true"));
  const auto before = open();
  for (int i = 0; i < 5; ++i) (void)run(shell("true"));
  EXPECT_EQ(open(), before);
}

TEST_F(ProcessTest, IsNotRunningAfterItsEnd) {
  const auto process = start(shell("exit 0"));
  EXPECT_TRUE(process->wait(soon(), {}));
  EXPECT_FALSE(process->running());
  process->signal_group(SIGKILL);  // to nobody
  EXPECT_EQ(process->wait(soon(), {})->status, 0) << "the end can be asked for again";
}

TEST(StderrTextTest, KeepsAShortTextWhole) {
  StderrText text(8);
  text.append("abc");
  text.append("defgh");
  EXPECT_EQ(text.text(), "abcdefgh");
}

TEST(StderrTextTest, SaysHowMuchItLeftOut) {
  StderrText text(8);
  for (const char c : std::string("abcdefghijklmnop")) text.append({&c, 1});
  EXPECT_EQ(text.text(), "abcd\n[8 bytes left out]\nmnop");
}

TEST(StderrTextTest, KeepsTheEndOfOneLongAppend) {
  StderrText text(4);
  text.append("ab123456yz");
  EXPECT_EQ(text.text(), "ab\n[6 bytes left out]\nyz");
}

TEST(StderrTextTest, KeepsNothingWhenItMayNot) {
  StderrText text(0);
  text.append("abc");
  EXPECT_EQ(text.text(), "\n[3 bytes left out]\n");
}

}  // namespace
}  // namespace vigie::platform
