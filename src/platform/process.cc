#include "platform/process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>

#include "platform/descriptor.h"
#include "platform/fork_server.h"
#include "platform/process_protocol.h"
#include "platform/wait.h"

namespace vigie::platform {
namespace {

using namespace supervision;

constexpr std::chrono::seconds kStartPatience{15};
constexpr std::chrono::seconds kEndPatience{30};  // beyond the grace: the supervisor's own is 20 s

MonoTime in(std::chrono::seconds time) {
  return MonoTime::clock::now() + time;
}

void set_end(ProcessEnd& end, int wait_status) {
  end.signalled = WIFSIGNALED(wait_status);
  end.status = end.signalled ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// The parent's side of one supervisor.
class SupervisedProcess final : public Process {
 public:
  explicit SupervisedProcess(Descriptor control) : control_(std::move(control)) {}

  ~SupervisedProcess() override {
    order(OrderKind::kill, SIGKILL);
    // What never began has no orderly end.
    if (!began() || !wait_closed(in(kEndPatience), StopSignal({}))) abandon();
  }

  // Whether the program itself started; else the errno: ECANCELED after a stop.
  std::optional<int> start_failure(const StopSignal& stop) {
    while (true) {
      const WaitEnd end = wait_for(control_.get(), POLLIN, in(kStartPatience), stop);
      if (end != WaitEnd::ready) return end == WaitEnd::stopped ? ECANCELED : ETIMEDOUT;
      const std::lock_guard lock(mutex_);
      drain();
      if (child_ > 0) return std::nullopt;
      if (closed_) return start_error_ == 0 ? ECHILD : start_error_;
    }
  }

  Result<ProcessEnd> wait(MonoTime deadline, std::stop_token stop) override {
    const auto began = MonoTime::clock::now();
    const StopSignal signal(stop);
    if (wait_closed(deadline, signal)) return take_end();
    const bool stopped = signal.stopped();
    order(OrderKind::terminate, SIGTERM);
    if (!wait_closed(in(kGrace + kEndPatience), StopSignal({}))) abandon();
    if (stopped) return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(deadline - began);
    return fail(ErrorCode::deadline_exceeded,
                {{"name", "the program"}, {"seconds", std::to_string(seconds.count())}});
  }

  void signal_group(int signal) override { order(OrderKind::signal, signal); }

  bool running() const override {
    const std::lock_guard lock(mutex_);
    drain();
    return !ended_ && !closed_;
  }

 private:
  void order(OrderKind kind, int signal) const {
    const Order packet{kind, signal};
    // It may be gone already, and then there is nobody to give orders to.
    (void)::send(control_.get(), &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  bool began() const {
    const std::lock_guard lock(mutex_);
    return child_ > 0;
  }

  // True when the supervisor has said all and its end is closed: it is gone.
  bool wait_closed(MonoTime deadline, const StopSignal& stop) {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        drain();
        if (closed_) return true;
      }
      if (wait_for(control_.get(), POLLIN, deadline, stop) != WaitEnd::ready) return false;
    }
  }

  void drain() const {
    std::array<char, kTextPacket> packet{};
    while (!closed_) {
      const ssize_t got = ::recv(control_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        closed_ = true;
      } else if (ended_) {
        end_.error_text.append(packet.data(), static_cast<size_t>(got));
      } else if (got == sizeof(Report)) {
        Report report{};
        std::memcpy(&report, packet.data(), sizeof report);
        take(report);
      }
    }
  }

  void take(const Report& report) const {
    switch (report.kind) {
      case ReportKind::here:
        supervisor_ = report.value;
        return;
      case ReportKind::started:
        child_ = report.value;
        return;
      case ReportKind::not_started:
        start_error_ = report.value;
        return;
      case ReportKind::ended:
        ended_ = true;
        set_end(end_, report.value);
    }
  }

  Result<ProcessEnd> take_end() const {
    const std::lock_guard lock(mutex_);
    if (ended_) return end_;
    // Somebody killed the supervisor itself; what it watched gets its death signal from the kernel.
    if (child_ > 0) ::kill(-child_, SIGKILL);
    return fail(ErrorCode::process_failed, {{"command", "the supervisor"},
                                            {"code", std::to_string(128 + SIGKILL)},
                                            {"reason", "it was killed"}});
  }

  // The supervisor does not answer (it is stopped, or waits for a process that cannot be killed).
  // While its end of the control is open it lives, and its pid is nobody else's.
  void abandon() const {
    const std::lock_guard lock(mutex_);
    drain();
    if (child_ > 0 && !ended_) ::kill(-child_, SIGKILL);
    if (supervisor_ > 0 && !closed_) ::kill(supervisor_, SIGKILL);
  }

  const Descriptor control_;
  mutable std::mutex mutex_;
  mutable pid_t supervisor_ = -1;  // guarded by mutex_
  mutable pid_t child_ = -1;       // guarded by mutex_
  mutable int start_error_ = 0;    // guarded by mutex_
  mutable bool ended_ = false;     // guarded by mutex_
  mutable bool closed_ = false;    // guarded by mutex_
  mutable ProcessEnd end_;         // guarded by mutex_
};

std::vector<std::string> argument_strings(const Command& command) {
  std::vector<std::string> out{command.program.string()};
  out.insert(out.end(), command.arguments.begin(), command.arguments.end());
  return out;
}

std::vector<std::string> environment_strings(const Command& command) {
  std::vector<std::string> out{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                               "LANG=C.UTF-8", "TZ=UTC"};
  for (const auto& [name, value] : command.environment) {
    const std::string prefix = name + "=";
    std::erase_if(out, [&](const std::string& one) { return one.starts_with(prefix); });
    out.push_back(prefix + value);
  }
  return out;
}

Program program_of(const Command& command) {
  return {command.keep_stderr, command.folder.empty() ? "/" : command.folder.string(),
          command.program.string(), argument_strings(command), environment_strings(command)};
}

bool has_nul(const Program& program) {
  const auto in = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  return in(program.folder) || in(program.path) || std::ranges::any_of(program.arguments, in) ||
         std::ranges::any_of(program.environment, in);
}

Descriptor copy_of(int fd) {
  return Descriptor(fd < 0 ? ::open("/dev/null", O_RDWR | O_CLOEXEC)
                           : ::fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

class SupervisingRunner final : public ProcessRunner {
 public:
  explicit SupervisingRunner(Path supervisor) : fork_server_(std::move(supervisor)) {}

  Result<std::unique_ptr<Process>> start(const Command& command,
                                         const std::stop_token& stop) override {
    TRY_ASSIGN(Descriptor control, launch(command));
    auto process = std::make_unique<SupervisedProcess>(std::move(control));
    const auto error = process->start_failure(StopSignal(stop));
    if (error == ECANCELED) return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
    if (error) return fail(spawn_error(command.program, *error));
    return process;
  }

 private:
  // Our end of the control of a new supervisor.
  Result<Descriptor> launch(const Command& command) {
    const Program program = program_of(command);
    if (has_nul(program)) return fail(spawn_error(command.program, EINVAL));
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
      return fail(spawn_error(command.program, errno));
    }
    Descriptor ours(pair[0]);
    // Ours no longer when this returns, or their end of file would never come.
    const Launch launch{copy_of(command.input), copy_of(command.output), Descriptor(pair[1]),
                        write_program(program)};
    if (!launch.input || !launch.output || !launch.program) {
      return fail(spawn_error(command.program, errno));
    }
    TRY(fork_server_.launch(launch));
    return ours;
  }

  ForkServer fork_server_;
};

}  // namespace

std::unique_ptr<ProcessRunner> make_process_runner(Path supervisor) {
  return std::make_unique<SupervisingRunner>(std::move(supervisor));
}

Result<ProcessEnd> run_to_end(ProcessRunner& runner, const Command& command, MonoTime deadline,
                              std::stop_token stop) {
  TRY_ASSIGN(const auto process, runner.start(command, stop));
  return process->wait(deadline, std::move(stop));
}

}  // namespace vigie::platform
