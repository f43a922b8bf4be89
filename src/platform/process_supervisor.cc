// The supervisor of one program: one thread, little memory, no library beyond libc.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/process.h"
#include "platform/process_protocol.h"
#include "platform/stderr_text.h"
#include "platform/system_info.h"
#include "platform/wait.h"

namespace vigie::platform {
namespace {

using namespace supervision;

constexpr std::chrono::seconds kKillPatience{20};

void report(ReportKind kind, int value) {
  const Report packet{kind, value};
  (void)::send(kControl, &packet, sizeof packet, MSG_NOSIGNAL);
}

void report_text(std::string_view text) {
  while (!text.empty()) {
    const std::string_view part = text.substr(0, kTextPacket);
    if (::send(kControl, part.data(), part.size(), MSG_NOSIGNAL) < 0) return;
    text.remove_prefix(part.size());
  }
}

// argv or envp for execve; valid as long as `strings`.
std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (std::string& one : strings) out.push_back(one.data());
  out.push_back(nullptr);
  return out;
}

// Whether nobody waits for the program any more: before it began, the only order is to end.
bool given_up() {
  Order order{};
  return ::recv(kControl, &order, sizeof order, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

// What the new process does between fork and exec. Only async-signal-safe calls.
[[noreturn]] void become(const Program& program, char* const* arguments, char* const* environment,
                         int error_output, int failure) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigset_t none;
  sigemptyset(&none);
  for (const int ignored : kIgnored) ::signal(ignored, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  if (::chdir(program.folder.c_str()) == 0 && ::dup2(error_output, STDERR_FILENO) >= 0) {
    ::execve(program.path.c_str(), arguments, environment);
  }
  const int error = errno;
  (void)!::write(failure, &error, sizeof error);
  ::_exit(127);
}

struct Child {
  pid_t pid = -1;
  Descriptor error_output;  // our end of its stderr
};

// The child, or an errno. fork is cheap here: this process is small whatever its parent is.
std::optional<Child> spawn(Program& program, int& error) {
  const std::vector<char*> arguments = pointers(program.arguments);
  const std::vector<char*> environment = pointers(program.environment);
  std::array<int, 2> text{};
  std::array<int, 2> failure{};
  if (::pipe2(text.data(), O_CLOEXEC) != 0 || ::pipe2(failure.data(), O_CLOEXEC) != 0) {
    error = errno;
    return std::nullopt;
  }
  const Descriptor text_in(text[1]);
  const Descriptor failure_out(failure[0]);
  Descriptor failure_in(failure[1]);
  Child child{::fork(), Descriptor(text[0])};
  if (child.pid == 0) {
    become(program, arguments.data(), environment.data(), text_in.get(), failure_in.get());
  }
  error = errno;
  if (child.pid < 0) return std::nullopt;
  (void)failure_in.close();
  if (::read(failure_out.get(), &error, sizeof error) != sizeof error) return child;
  (void)::waitpid(child.pid, nullptr, 0);
  return std::nullopt;
}

class Supervisor {
 public:
  Supervisor(Child child, size_t keep_stderr) : child_(std::move(child)), text_(keep_stderr) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    signals_ = Descriptor(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
    ::fcntl(child_.error_output.get(), F_SETFL, O_NONBLOCK);
  }

  int run() {
    while (!status_) {
      if (kill_at_ && MonoTime::clock::now() >= *kill_at_) ::kill(-child_.pid, SIGKILL);
      wait_once();
    }
    end_descendants();
    read_stderr();  // what was still in the pipe
    report(ReportKind::ended, *status_);
    report_text(text_.text());
    return 0;
  }

 private:
  void wait_once() {
    std::array<pollfd, 3> fds{{{kControl, POLLIN, 0},
                               {signals_.get(), POLLIN, 0},
                               {child_.error_output.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), timeout()) <= 0) return;
    if (fds[2].revents != 0) read_stderr();
    if (fds[1].revents != 0) reap();
    if (fds[0].revents != 0) take_order();
  }

  int timeout() const {
    if (!kill_at_) return -1;
    // Past the grace the group has had its KILL; look again now and then until it is reaped.
    return std::max(poll_timeout(*kill_at_), 100);
  }

  void take_order() {
    Order order{};
    const ssize_t got = ::recv(kControl, &order, sizeof order, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got != sizeof order) order = {OrderKind::kill, SIGKILL};
    if (status_) return;
    switch (order.kind) {
      case OrderKind::signal:
        ::kill(-child_.pid, order.signal);
        return;
      case OrderKind::terminate:
        ::kill(-child_.pid, SIGTERM);
        ::kill(-child_.pid, SIGCONT);  // one that is held back could not hear it
        if (!kill_at_) kill_at_ = MonoTime::clock::now() + kGrace;
        return;
      case OrderKind::kill:
        end_descendants();
    }
  }

  void read_stderr() {
    std::array<char, 4096> buffer{};
    // Bounded, so that a child that never stops writing does not keep us from orders.
    for (int i = 0; i < 64 && child_.error_output; ++i) {
      const ssize_t got = ::read(child_.error_output.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return;
      if (got == 0) (void)child_.error_output.close();
      text_.append({buffer.data(), static_cast<size_t>(got)});
    }
  }

  // True while there are children.
  bool reap() {
    signalfd_siginfo ignored{};
    while (::read(signals_.get(), &ignored, sizeof ignored) > 0) {
    }
    while (true) {
      int status = 0;
      const pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid == child_.pid) status_ = status;
      if (pid == 0) return true;
      if (pid < 0) return false;
    }
  }

  // Kills and reaps all that descends from us: what lost its parent has become our child. Given up
  // after a while, for a process in an uninterruptible sleep.
  void end_descendants() {
    const MonoTime patience = MonoTime::clock::now() + kKillPatience;
    while (MonoTime::clock::now() < patience) {
      for (const int pid : descendant_processes(::getpid())) ::kill(pid, SIGKILL);
      if (!reap()) return;
      pollfd wake{signals_.get(), POLLIN, 0};
      (void)::poll(&wake, 1, 20);
    }
  }

  Child child_;
  StderrText text_;
  Descriptor signals_;
  std::optional<int> status_;        // of the child, once it was reaped
  std::optional<MonoTime> kill_at_;  // the end of its grace
};

// SIGCHLD is read from a descriptor, and no child is reaped unseen.
void prepare_signals() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &mask, nullptr);
  ::signal(SIGCHLD, SIG_DFL);
}

// Input and output are the child's alone: whoever is at their other ends sees when it is gone.
void drop_input_and_output() {
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  (void)::dup2(null.get(), STDIN_FILENO);
  (void)::dup2(null.get(), STDOUT_FILENO);
}

}  // namespace

int supervision::supervise(Program program) {
  report(ReportKind::here, ::getpid());
  if (given_up() || ::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) return 2;
  prepare_signals();
  int error = 0;
  auto child = spawn(program, error);
  if (!child) {
    report(ReportKind::not_started, error);
    return 1;
  }
  drop_input_and_output();
  report(ReportKind::started, child->pid);
  return Supervisor(std::move(*child), program.keep_stderr).run();
}

}  // namespace vigie::platform
