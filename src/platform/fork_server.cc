#include "platform/fork_server.h"

#include <fcntl.h>
#include <link.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "platform/process.h"
#include "platform/wait.h"

namespace vigie::platform {
namespace {

using namespace supervision;

constexpr std::chrono::seconds kEndPatience{10};

// The descriptors of the fork server: nothing at 0 and 1, 2 ours, 3 the channel; no other.
class SpawnActions {
 public:
  SpawnActions(int null, int channel) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, null, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, null, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, channel, kControl);
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

  int spawn(pid_t& pid, const Path& program) {
    std::array<std::string, 2> words{"vigie", "__supervise"};
    const std::array<char*, 3> arguments{words[0].data(), words[1].data(), nullptr};
    const std::array<char*, 1> environment{nullptr};
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments.data(),
                         environment.data());
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// A copy above descriptor 3, so that no dup2 of the spawn overwrites it.
Descriptor above_control(const Descriptor& fd) {
  return Descriptor(::fcntl(fd.get(), F_DUPFD_CLOEXEC, kControl + 1));
}

bool is_gone(int error) {
  return error == EPIPE || error == ECONNRESET;
}

// Of one object that is loaded, its code and constants.
int forget_segments(dl_phdr_info* object, size_t, void*) {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (size_t i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t from = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
    const uintptr_t to = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    (void)::madvise(std::bit_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  return 0;
}

// To link 43 libraries is to read 9 MiB of them, and nothing of that is needed again. The pages
// stay in the kernel's cache for the daemon; what ends is this process's share, by which the kernel
// chooses whom it kills when memory runs out.
void forget_what_starting_has_read() {
  (void)::dl_iterate_phdr(forget_segments, nullptr);
}

// In the new process: a supervisor, with a session and descriptors of its own.
int become_supervisor(Launch launch) {
  ::setsid();
  auto program = read_program(launch.program.get());
  if (!program || ::dup2(launch.input.get(), STDIN_FILENO) < 0 ||
      ::dup2(launch.output.get(), STDOUT_FILENO) < 0 ||
      ::dup3(launch.control.get(), kControl, O_CLOEXEC) < 0)
    return 2;
  launch = {};
  return supervise(std::move(*program));
}

}  // namespace

Error spawn_error(const Path& program, int error_number) {
  return Error(ErrorCode::process_spawn,
               {{"command", program.filename().string()}, {"reason", std::strerror(error_number)}});
}

ForkServer::ForkServer(Path program) : program_(std::move(program)) {}

ForkServer::~ForkServer() {
  end();
}

Result<> ForkServer::launch(const Launch& launch) {
  const std::lock_guard lock(mutex_);
  if (!channel_) TRY(start());
  int error = send_launch(channel_.get(), launch);
  if (is_gone(error)) {
    end();
    TRY(start());
    error = send_launch(channel_.get(), launch);
  }
  if (error != 0) return fail(spawn_error(program_, error));
  return {};
}

Result<> ForkServer::start() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return fail(spawn_error(program_, errno));
  }
  Descriptor ours(pair[0]);
  const Descriptor theirs(pair[1]);
  const Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const Descriptor high_null = above_control(null);
  const Descriptor high_theirs = above_control(theirs);
  if (!high_null || !high_theirs) return fail(spawn_error(program_, errno));
  SpawnActions actions(high_null.get(), high_theirs.get());
  if (const int error = actions.spawn(pid_, program_); error != 0) {
    return fail(spawn_error(program_, error));
  }
  gone_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  channel_ = std::move(ours);
  return {};
}

void ForkServer::end() {
  if (!channel_) return;
  (void)channel_.close();
  ::kill(pid_, SIGKILL);
  // Without a pidfd (an old kernel, a filter of system calls) nothing tells when it is gone.
  const MonoTime patience = MonoTime::clock::now() + kEndPatience;
  if (!gone_ || wait_for(gone_.get(), POLLIN, patience, StopSignal({})) == WaitEnd::ready) {
    (void)::waitpid(pid_, nullptr, 0);
  }
}

int supervise_main() {
  if (::fcntl(kControl, F_SETFD, FD_CLOEXEC) != 0) return 2;
  ::prctl(PR_SET_NAME, "vigie-supervise");
  for (const int ignored : kIgnored) ::signal(ignored, SIG_IGN);
  ::signal(SIGCHLD, SIG_IGN);  // supervisors need nobody to reap them
  forget_what_starting_has_read();
  while (auto launch = receive_launch(kControl)) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(become_supervisor(std::move(*launch)));
    if (pid > 0) continue;
    const Report packet{ReportKind::not_started, errno};
    (void)::send(launch->control.get(), &packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  return 0;
}

}  // namespace vigie::platform
