// Measures what it costs to start a program below a supervisor, and to see its end.
//
//   start VIGIE|- TIMES      TIMES times /bin/true, one after the other; -: by posix_spawn alone
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <string>
#include <string_view>

#include "platform/process.h"

namespace {

using namespace vigie;  // NOLINT: a program of one file

void plain() {
  std::string word = "true";
  const std::array<char*, 2> arguments{word.data(), nullptr};
  const std::array<char*, 1> environment{nullptr};
  pid_t pid = -1;
  int status = 0;
  const int error =
      ::posix_spawn(&pid, "/bin/true", nullptr, nullptr, arguments.data(), environment.data());
  if (error != 0 || ::waitpid(pid, &status, 0) != pid || status != 0) std::exit(1);
}

void supervised(platform::ProcessRunner& runner) {
  platform::Command command;
  command.program = "/bin/true";
  const auto end = platform::run_to_end(runner, command, MonoTime::max(), {});
  if (!end || end->status != 0) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string_view vigie = argv[1];
  const auto runner = platform::make_process_runner(vigie);
  for (int left = std::atoi(argv[2]); left > 0; --left)
    vigie == "-" ? plain() : supervised(*runner);
  return 0;
}
