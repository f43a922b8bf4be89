#include "daemon/main.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/cli.h"
#include "daemon/alone.h"
#include "daemon/serve.h"
#include "platform/heap.h"
#include "platform/version.h"

namespace vigie::daemon {
namespace {

sigset_t ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int one : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, one);
  return signals;
}

// For a command: the first SIGINT or SIGTERM asks it to end, the second ends the process.
class SignalThread {
 public:
  std::stop_token token() const { return stop_.get_token(); }
  void start() {
    std::thread([stop = stop_]() mutable {
      sigset_t signals = ending_signals();
      int signal = 0;
      sigwait(&signals, &signal);
      stop.request_stop();
      sigwait(&signals, &signal);
      std::_Exit(130);
    }).detach();  // waits for a signal until the process ends
  }

 private:
  std::stop_source stop_;
};

// Vigie connects as vigie.yaml says, and nothing else: pg_dump gets no environment of ours, and
// what is judged must be what is dumped.
void forget_libpq_variables() {
  std::vector<std::string> names;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view line = *one;
    if (line.starts_with("PG")) names.emplace_back(line.substr(0, line.find('=')));
  }
  for (const std::string& name : names) ::unsetenv(name.c_str());
}

}  // namespace

int run_main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "__supervise") return platform::supervise_main();
  forget_libpq_variables();
  platform::keep_heap_small();
  // Blocked in every thread that will be: `serve` waits for them, and so does a command's signal
  // thread.
  const sigset_t signals = ending_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  const platform::RealClock clock;
  const bool serving = cli::asks_to_serve(argc, argv);
  // A command speaks to a person: only what went wrong stands between its words.
  const auto least = serving ? platform::LogLevel::info : platform::LogLevel::warn;
  auto sink = platform::descriptor_sink(2);
  if (!serving) sink = platform::spoken_sink(std::move(sink));
  platform::LogTap tap;
  platform::Logger log(tap.around(std::move(sink)), least, clock, platform::known_secrets());
  const auto runner = platform::make_process_runner();
  const auto connector = platform::make_pg_connector();
  const auto http = platform::make_http_client();
  const World world{platform::real_file_system(), *runner, *connector, *http, clock, log,
                    platform::version(),          serving, &tap};

  SignalThread stopping;
  bool left_behind = false;
  cli::Hooks hooks;
  hooks.serve = [&](const platform::Path& config) { return serve(world, config); };
  hooks.open_alone = [&](const config::Config& config, cli::Access access) {
    return open_alone(world, config, access, stopping.token(), left_behind);
  };
  hooks.files = &world.files;
  hooks.processes = &world.processes;
  hooks.postgres = &world.postgres;
  hooks.clock = &clock;
  hooks.version = world.version;
  hooks.stop = stopping.token();
  if (!serving) stopping.start();
  const int status = cli::run(argc, argv, hooks);
  if (!left_behind) return status;
  std::fflush(nullptr);
  std::_Exit(status);  // all that stands above is still in use
}

}  // namespace vigie::daemon
