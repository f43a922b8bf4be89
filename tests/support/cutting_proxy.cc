#include "tests/support/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "platform/wait.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// How many; zero at the end, and when the other side is gone.
size_t pass_on(int from, int to) {
  std::array<char, 16384> buffer{};
  const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
  if (got <= 0) return 0;
  for (ssize_t sent = 0; sent < got;) {
    const ssize_t n =
        ::send(to, buffer.data() + sent, static_cast<size_t>(got - sent), MSG_NOSIGNAL);
    if (n <= 0) return 0;
    sent += n;
  }
  return static_cast<size_t>(got);
}

}  // namespace

CuttingProxy::CuttingProxy(int target)
    : target_(target), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0)
    std::abort();
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

CuttingProxy::~CuttingProxy() = default;

void CuttingProxy::hold(size_t bytes) {
  const std::lock_guard lock(mutex_);
  until_held_ = bytes;
}

void CuttingProxy::release() {
  hold(SIZE_MAX);
  changed_.notify_all();
}

bool CuttingProxy::holds() {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, 1min, [&] { return until_held_ == 0; });
}

void CuttingProxy::count_and_wait(size_t bytes, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (until_held_ == SIZE_MAX) return;
  until_held_ -= std::min(bytes, until_held_);
  if (until_held_ > 0) return;
  changed_.notify_all();
  changed_.wait(lock, stop, [&] { return until_held_ > 0; });
}

void CuttingProxy::serve(const std::stop_token& stop) {
  const platform::StopSignal signal(stop);
  std::vector<std::jthread> connections;
  const auto never = MonoTime::clock::now() + 1h;
  while (platform::wait_for(listener_.get(), POLLIN, never, signal) == platform::WaitEnd::ready) {
    const int client = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    ++connections_;
    connections.emplace_back(
        [this, client](const std::stop_token& ended) { serve_one(client, ended); });
  }
}

void CuttingProxy::serve_one(int client, const std::stop_token& stop) {
  const platform::Descriptor near(client);
  const platform::Descriptor far(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(target_);
  if (::connect(far.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return;
  const platform::StopSignal signal(stop);
  const auto never = MonoTime::clock::now() + 1h;
  size_t from_client = 0;
  while (true) {
    std::array<pollfd, 2> both{{{near.get(), POLLIN, 0}, {far.get(), POLLIN, 0}}};
    if (platform::wait_any(both, never, signal) != platform::WaitEnd::ready) return;
    if (both[1].revents != 0 && pass_on(far.get(), near.get()) == 0) return;
    if (both[0].revents == 0) continue;
    const size_t got = pass_on(near.get(), far.get());
    if (got == 0) return;
    from_client += got;
    count_and_wait(got, stop);
    if (left_ > 0 && from_client >= bytes_ && left_.fetch_sub(1) > 0) return;
  }
}

}  // namespace vigie::testing
