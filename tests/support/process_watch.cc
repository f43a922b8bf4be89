#include "tests/support/process_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/contents.h"

namespace vigie::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};

bool readable(int fd, std::chrono::milliseconds patience) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(patience.count())) > 0;
}

}  // namespace

ProcessWatch::ProcessWatch(pid_t pid) : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

bool ProcessWatch::alive() const {
  return fd_ && !readable(fd_.get(), std::chrono::milliseconds(0));
}

bool ProcessWatch::ends_within(std::chrono::milliseconds patience) const {
  return !fd_ || readable(fd_.get(), patience);
}

char process_state(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const size_t end = text.rfind(") ");
  return end == std::string::npos ? '\0' : text[end + 2];
}

bool reaches_state(pid_t pid, char state) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (process_state(pid) != state) {
    if (std::chrono::steady_clock::now() > until) return false;
    ::poll(nullptr, 0, 1);  // there is no event for this one
  }
  return true;
}

std::vector<pid_t> processes_of(std::string_view program, std::string_view environment) {
  std::vector<pid_t> found;
  for (const auto& one : std::filesystem::directory_iterator("/proc")) {
    const pid_t pid = std::atoi(one.path().filename().c_str());
    if (pid > 0 && contents(one.path() / "cmdline").find(program) != std::string::npos &&
        contents(one.path() / "environ").find(environment) != std::string::npos)
      found.push_back(pid);
  }
  return found;
}

LinePipe::LinePipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  out_ = platform::Descriptor(ends[0]);
  in_ = platform::Descriptor(ends[1]);
}

std::string LinePipe::line() {
  std::string text;
  char c = 0;
  while (readable(out_.get(), kPatience) && ::read(out_.get(), &c, 1) == 1 && c != '\n') text += c;
  return text;
}

}  // namespace vigie::testing
