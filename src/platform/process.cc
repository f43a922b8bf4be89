#include "platform/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

Error spawn_error(const Path& program, int error_number) {
  return Error(ErrorCode::process_spawn,
               {{"command", program.filename().string()}, {"reason", std::strerror(error_number)}});
}

void set_end(ProcessEnd& end, int wait_status) {
  end.signalled = WIFSIGNALED(wait_status);
  end.status = end.signalled ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

// The parent's side of one supervisor.
class SupervisedProcess final : public Process {
 public:
  SupervisedProcess(pid_t supervisor, Descriptor control)
      : supervisor_(supervisor),
        gone_(static_cast<int>(::syscall(SYS_pidfd_open, supervisor, 0))),
        control_(std::move(control)) {}

  ~SupervisedProcess() override {
    order(OrderKind::kill, SIGKILL);
    // What never began has no orderly end.
    if (!began() || !wait_closed(in(kEndPatience), StopSignal({}))) abandon();
    reap();
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

  // True when the supervisor has said all and closed its end.
  bool wait_closed(MonoTime deadline, const StopSignal& stop) {
    while (true) {
      {
        const std::lock_guard lock(mutex_);
        drain();
        if (closed_) return true;
      }
      std::array<pollfd, 2> fds{{{control_.get(), POLLIN, 0}, {gone_.get(), POLLIN, 0}}};
      if (wait_any(fds, deadline, stop) != WaitEnd::ready) return false;
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

  // What sleeps in the kernel (a file system that hangs) cannot even be killed: its entry in the
  // process table stays, and whoever waits here goes on.
  void reap() const {
    // Without a pidfd (an old kernel, a filter of system calls) nothing tells when it is gone.
    if (!gone_ || wait_for(gone_.get(), POLLIN, in(kEndPatience), StopSignal({})) == WaitEnd::ready)
      (void)::waitpid(supervisor_, nullptr, 0);
  }

  // The supervisor does not answer (it is stopped, or waits for a process that cannot be killed).
  void abandon() const {
    const std::lock_guard lock(mutex_);
    if (child_ > 0 && !ended_) ::kill(-child_, SIGKILL);
    ::kill(supervisor_, SIGKILL);
  }

  const pid_t supervisor_;
  const Descriptor gone_;  // pidfd
  const Descriptor control_;
  mutable std::mutex mutex_;
  mutable pid_t child_ = -1;     // guarded by mutex_
  mutable int start_error_ = 0;  // guarded by mutex_
  mutable bool ended_ = false;   // guarded by mutex_
  mutable bool closed_ = false;  // guarded by mutex_
  mutable ProcessEnd end_;       // guarded by mutex_
};

// argv or envp for posix_spawn; valid as long as `strings`.
std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (std::string& one : strings) out.push_back(one.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> argument_strings(const Command& command) {
  std::vector<std::string> out{"vigie", "__supervise", std::to_string(command.keep_stderr),
                               command.folder.empty() ? "/" : command.folder.string(),
                               command.program.string()};
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

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

// The descriptors of the supervisor: 0 the input, 1 the output, 2 ours, 3 the control; no other.
class SpawnActions {
 public:
  SpawnActions(int input, int output, int control) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, control, kControl);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, kControl + 1);
    ::posix_spawnattr_init(&attributes_);
    // A session of its own: what a terminal sends to our group does not reach it. Signals as at
    // the start of a program, whatever this thread blocks.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnActions() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  int spawn(pid_t& pid, const Path& program, char* const* arguments, char* const* environment) {
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// A copy above descriptor 3, so that no dup2 of the spawn overwrites it.
Descriptor above_control(int fd) {
  return Descriptor(::fcntl(fd, F_DUPFD_CLOEXEC, kControl + 1));
}

class SupervisingRunner final : public ProcessRunner {
 public:
  explicit SupervisingRunner(Path supervisor) : supervisor_(std::move(supervisor)) {}

  Result<std::unique_ptr<Process>> start(const Command& command,
                                         const std::stop_token& stop) override {
    if (std::ranges::any_of(command.arguments, has_nul)) {
      return fail(spawn_error(command.program, EINVAL));
    }
    std::array<int, 2> pair{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
      return fail(spawn_error(command.program, errno));
    }
    Descriptor ours(pair[0]);
    Descriptor theirs(pair[1]);
    TRY_ASSIGN(const pid_t pid, spawn(command, theirs.get()));
    (void)theirs.close();  // or its end of file would never come
    auto process = std::make_unique<SupervisedProcess>(pid, std::move(ours));
    const auto error = process->start_failure(StopSignal(stop));
    if (error == ECANCELED) return fail(ErrorCode::cancelled, {{"reason", "stopped on request"}});
    if (error) return fail(spawn_error(command.program, *error));
    return process;
  }

 private:
  Result<pid_t> spawn(const Command& command, int control) {
    const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const Descriptor input = above_control(command.input < 0 ? null.get() : command.input);
    const Descriptor output = above_control(command.output < 0 ? null.get() : command.output);
    const Descriptor high_control = above_control(control);
    if (!input || !output || !high_control) return fail(spawn_error(command.program, errno));
    std::vector<std::string> arguments = argument_strings(command);
    std::vector<std::string> environment = environment_strings(command);
    SpawnActions actions(input.get(), output.get(), high_control.get());
    pid_t pid = -1;
    const int error =
        actions.spawn(pid, supervisor_, pointers(arguments).data(), pointers(environment).data());
    if (error != 0) return fail(spawn_error(supervisor_, error));
    return pid;
  }

  Path supervisor_;
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
