#include "platform/wait.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>

namespace vigie::platform {
namespace {

constexpr size_t kMostDescriptors = 8;

}  // namespace

void StopSignal::Wake::operator()() const noexcept {
  const uint64_t one = 1;
  // An eventfd takes eight bytes at once; it could only refuse beyond 2^64 - 2 stops.
  [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

StopSignal::StopSignal(const std::stop_token& stop)
    : stop_(stop),
      event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      callback_(stop_, Wake{event_.get()}) {}

int poll_timeout(MonoTime deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const std::chrono::milliseconds most = std::chrono::hours(1);
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), most).count());
}

WaitEnd wait_any(std::span<pollfd> wanted, MonoTime deadline, const StopSignal& stop) {
  std::array<pollfd, kMostDescriptors> all{};
  if (wanted.size() >= all.size()) std::abort();
  while (true) {
    std::ranges::copy(wanted, all.begin());
    all[wanted.size()] = {stop.fd(), POLLIN, 0};
    // Where eventfd could not be made (too many open files) the token is asked every second.
    const int longest = stop.fd() < 0 ? 1000 : INT_MAX;
    const int ready =
        ::poll(all.data(), wanted.size() + 1, std::min(poll_timeout(deadline), longest));
    if (stop.stopped()) return WaitEnd::stopped;
    if (ready > 0) {
      std::copy_n(all.begin(), wanted.size(), wanted.begin());
      return WaitEnd::ready;
    }
    if (std::chrono::steady_clock::now() >= deadline) return WaitEnd::deadline;
  }
}

WaitEnd wait_for(int fd, short events, MonoTime deadline, const StopSignal& stop) {
  pollfd one{fd, events, 0};
  return wait_any({&one, 1}, deadline, stop);
}

}  // namespace vigie::platform
