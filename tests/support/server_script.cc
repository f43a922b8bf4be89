#include "tests/support/server_script.h"

#include <fcntl.h>
#include <unistd.h>

#include "platform/descriptor.h"

namespace vigie::testing {

bool ServerScript::start(const std::string& script, const std::vector<std::string>& arguments,
                         Duration patience) {
  const platform::Descriptor log(
      ::open((folder_ / "output").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  platform::Command command;
  command.program = "/bin/sh";
  command.arguments = {"-c", "exec bash \"$0\" \"$@\" 2>&1",
                       std::string(VIGIE_SOURCE_DIR) + "/scripts/" + script};
  command.arguments.insert(command.arguments.end(), arguments.begin(), arguments.end());
  command.output = log.get();
  auto started = runner_->start(command, {});
  if (!started) return false;
  process_ = std::move(*started);
  const auto until = MonoTime::clock::now() + patience;
  while (!std::filesystem::exists(folder_ / "ready")) {
    if (!process_->running() || MonoTime::clock::now() > until) return false;
    ::usleep(20'000);  // a script offers no event for "ready"
  }
  return true;
}

}  // namespace vigie::testing
