#include "tests/support/pg_masquerade.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>

#include "platform/wait.h"

namespace vigie::testing {
namespace {

using platform::Descriptor;
using platform::WaitEnd;

constexpr const char* kSocket = ".s.PGSQL.5432";

Descriptor unix_socket() {
  return Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

sockaddr_un address_of(const platform::Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

// What `from` has to say goes to `to`; false when one of them has ended.
bool pass(int from, int to, const std::string& major) {
  constexpr std::string_view kName("server_version\0", 15);
  std::array<char, 16 << 10> buffer{};
  const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  std::string bytes(buffer.data(), static_cast<size_t>(got));
  // It comes once, in the server's first words, which are sent together.
  if (const size_t at = bytes.find(kName); at != std::string::npos)
    bytes.replace(at + kName.size(), major.size(), major);
  return send_all(to, bytes);
}

}  // namespace

PgMasquerade::PgMasquerade(const PgCluster& server, std::string major)
    : behind_(server.socket_folder() / kSocket),
      major_(std::move(major)),
      listener_(unix_socket()) {
  const sockaddr_un address = address_of(folder_ / kSocket);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_.get(), 16) != 0)
    std::abort();
  accepting_ = std::jthread([this](const std::stop_token& stop) { accept_all(stop); });
}

std::string PgMasquerade::dsn() const {
  return "host=" + folder_.path().string() + " port=5432 dbname=postgres user=postgres";
}

void PgMasquerade::accept_all(const std::stop_token& stop) {
  const platform::StopSignal signal(stop);
  while (platform::wait_for(listener_.get(), POLLIN, MonoTime::max(), signal) == WaitEnd::ready) {
    Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    sessions_.emplace_back([this, client = std::move(client)](const std::stop_token& end) mutable {
      pass_on(std::move(client), end);
    });
  }
  sessions_.clear();
}

void PgMasquerade::pass_on(Descriptor client, const std::stop_token& stop) const {
  const platform::StopSignal signal(stop);
  const Descriptor server = unix_socket();
  const sockaddr_un address = address_of(behind_);
  if (::connect(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return;
  while (true) {
    std::array<pollfd, 2> both{{{client.get(), POLLIN, 0}, {server.get(), POLLIN, 0}}};
    if (platform::wait_any(both, MonoTime::max(), signal) != WaitEnd::ready) return;
    if (both[0].revents != 0 && !pass(client.get(), server.get(), major_)) return;
    if (both[1].revents != 0 && !pass(server.get(), client.get(), major_)) return;
  }
}

}  // namespace vigie::testing
