#include "tests/support/raw_http.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace vigie::testing {
namespace {

constexpr int kPatience = 10'000;  // milliseconds

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

platform::Descriptor open_socket(int family, const sockaddr* address, socklen_t size) {
  platform::Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), address, size) != 0) return {};
  return socket;
}

}  // namespace

std::string RawAnswer::header(std::string_view name) const {
  const auto found = lower_case(head).find("\r\n" + lower_case(std::string(name)) + ":");
  if (found == std::string::npos) return {};
  auto start = head.find(':', found) + 1;
  while (head[start] == ' ') ++start;
  return head.substr(start, head.find("\r\n", start) - start);
}

RawClient RawClient::connect_tcp(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return RawClient(
      open_socket(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

RawClient RawClient::connect_unix(const platform::Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return RawClient(
      open_socket(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(size_t(sent));
  }
  return true;
}

void RawClient::finish_sending() {
  ::shutdown(socket_.get(), SHUT_WR);
}

bool RawClient::receive() {
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kPatience) != 1) return false;
  std::array<char, 16384> buffer;
  const auto size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (size <= 0) return false;
  received_.append(buffer.data(), size_t(size));
  return true;
}

std::optional<RawAnswer> RawClient::read_answer(bool head_only) {
  size_t end;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos)
    if (!receive()) return std::nullopt;
  RawAnswer answer;
  answer.head = received_.substr(0, end + 4);
  received_.erase(0, end + 4);
  if (answer.head.size() < 12) return std::nullopt;
  answer.status = std::stoi(answer.head.substr(9, 3));
  const auto length = answer.header("content-length");
  const size_t size = head_only || length.empty() ? 0 : std::stoul(length);
  while (received_.size() < size)
    if (!receive()) return std::nullopt;
  answer.body = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

bool RawClient::closes() {
  if (!received_.empty()) return false;
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&ready, 1, kPatience) != 1) return false;
  char byte;
  return ::recv(socket_.get(), &byte, 1, 0) <= 0;
}

bool RawClient::stays_silent(int milliseconds) {
  pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  return received_.empty() && ::poll(&ready, 1, milliseconds) == 0;
}

}  // namespace vigie::testing
