#include "tests/support/hanging_calls.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "platform/wait.h"

namespace vigie::testing {
namespace {

#if defined(__x86_64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

struct Watched {
  int call;
  size_t argument;
  bool descriptor;  // else a path
};

constexpr auto kWatched = std::to_array<Watched>({
#ifdef SYS_open
    {SYS_open, 0, false},
    {SYS_stat, 0, false},
    {SYS_lstat, 0, false},
    {SYS_mkdir, 0, false},
    {SYS_unlink, 0, false},
    {SYS_rmdir, 0, false},
    {SYS_rename, 0, false},
#endif
    {SYS_openat, 1, false},
    {SYS_newfstatat, 1, false},
    {SYS_statfs, 0, false},
    {SYS_mkdirat, 1, false},
    {SYS_unlinkat, 1, false},
    {SYS_renameat2, 1, false},
    {SYS_fsync, 0, true},
    {SYS_fdatasync, 0, true},
});

constexpr size_t kProgram = 4 + kWatched.size() + 2;

// Asks for what is watched, lets all else pass.
constexpr std::array<sock_filter, kProgram> program() {
  std::array<sock_filter, kProgram> out{};
  size_t at = 0;
  const auto last = static_cast<uint8_t>(kProgram - 1);  // asks
  const auto passes = static_cast<uint8_t>(kProgram - 2);
  const auto to = [&](uint8_t target) { return static_cast<uint8_t>(target - at - 1); };
  out[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  out[at] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 0, to(passes));
  ++at;
  out[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (const Watched& one : kWatched) {
    out[at] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(one.call), to(last), 0);
    ++at;
  }
  out[at] = BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0);
  ++at;
  out[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  out[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  return out;
}

// The descriptor on which a supervisor is asked; -1 when there is none.
int install() {
  static constexpr auto kFilter = program();
  const sock_fprog filter{kProgram, const_cast<sock_filter*>(kFilter.data())};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
  return static_cast<int>(
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter));
}

struct Message {
  char byte = 0;
  iovec vector{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr header{nullptr, 0, &vector, 1, control.data(), control.size(), 0};
};

bool send_descriptor(int socket, int descriptor) {
  Message message;
  if (descriptor < 0) message.header.msg_controllen = 0;
  if (cmsghdr* const part = CMSG_FIRSTHDR(&message.header)) {
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  }
  return ::sendmsg(socket, &message.header, 0) == 1;
}

platform::Descriptor receive_descriptor(int socket) {
  Message message;
  int descriptor = -1;
  if (::recvmsg(socket, &message.header, MSG_CMSG_CLOEXEC) != 1) return {};
  const cmsghdr* const part = CMSG_FIRSTHDR(&message.header);
  if (part != nullptr) std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
  return platform::Descriptor(descriptor);
}

// Of another process: a page at a time, since the next one may not be there.
std::string text_at(pid_t process, uint64_t address) {
  constexpr uint64_t kPage = 4096;
  std::string text;
  std::array<char, kPage> piece{};
  while (text.size() < kPage) {
    const size_t size = kPage - address % kPage;
    const iovec ours{piece.data(), size};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gave it as a number
    const iovec theirs{reinterpret_cast<void*>(address), size};
    const ssize_t got = ::process_vm_readv(process, &ours, 1, &theirs, 1, 0);
    if (got <= 0) return text;
    const size_t length = ::strnlen(piece.data(), static_cast<size_t>(got));
    text.append(piece.data(), length);
    if (length < static_cast<size_t>(got)) return text;
    address += static_cast<uint64_t>(got);
  }
  return text;
}

std::string path_of(pid_t process, uint64_t descriptor) {
  std::error_code none;
  const auto link =
      "/proc/" + std::to_string(process) + "/fd/" + std::to_string(static_cast<int>(descriptor));
  return std::filesystem::read_symlink(link, none).string();
}

bool lies_in(const std::string& path, const std::string& folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

void let_pass(int listener, uint64_t call) {
  seccomp_notif_resp answer{};
  answer.id = call;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);  // whoever asked may be dead
}

}  // namespace

bool HangingCalls::possible() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(install() < 0 ? 1 : 0);
  int status = 1;
  return ::waitpid(child, &status, 0) == child && status == 0;
}

HangingCalls::HangingCalls() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  ours_ = platform::Descriptor(ends[0]);
  theirs_ = platform::Descriptor(ends[1]);
}

HangingCalls::~HangingCalls() {
  release();
  servers_.clear();
}

bool HangingCalls::enter() const {
  return send_descriptor(theirs_.get(), install());
}

bool HangingCalls::follow() {
  auto listener = receive_descriptor(ours_.get());
  if (!listener) return false;
  const int number = listeners_.emplace_back(std::move(listener)).get();
  servers_.emplace_back([this, number](const std::stop_token& stop) { serve(number, stop); });
  return true;
}

void HangingCalls::serve(int listener, const std::stop_token& token) {
  const platform::StopSignal stop(token);
  while (true) {
    pollfd one{listener, POLLIN, 0};
    const auto end = platform::wait_any({&one, 1}, MonoTime::max(), stop);
    // Without POLLIN: all who could ask have ended.
    if (end != platform::WaitEnd::ready || (one.revents & POLLIN) == 0) return;
    seccomp_notif asked{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) == 0) decide(listener, asked);
  }
}

bool HangingCalls::concerns(const seccomp_notif& asked) const {
  if (folder_.empty()) return false;
  for (const Watched& one : kWatched) {
    if (one.call != asked.data.nr) continue;
    const auto process = static_cast<pid_t>(asked.pid);
    const uint64_t argument = asked.data.args[one.argument];
    return lies_in(one.descriptor ? path_of(process, argument) : text_at(process, argument),
                   folder_.string());
  }
  return false;
}

void HangingCalls::decide(int listener, const seccomp_notif& asked) {
  const std::lock_guard lock(mutex_);
  if (!concerns(asked)) return let_pass(listener, asked.id);
  held_.insert({listener, asked.id});
  changed_.notify_all();
}

void HangingCalls::hang(const platform::Path& folder) {
  const std::lock_guard lock(mutex_);
  folder_ = folder;
}

void HangingCalls::release() {
  const std::lock_guard lock(mutex_);
  folder_.clear();
  for (const Held& one : held_) let_pass(one.listener, one.call);
  held_.clear();
}

bool HangingCalls::holds(size_t wanted) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return held_.size() >= wanted; });
}

}  // namespace vigie::testing
