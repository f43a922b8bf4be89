#include "tests/support/http_imposter.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>

#include "platform/wait.h"

namespace vigie::testing {
namespace {

using namespace std::chrono_literals;

bool is_complete(const std::string& request) {
  const size_t end = request.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const size_t length = request.find("Content-Length: ");
  if (length == std::string::npos || length > end) return true;
  // Without a copy of what may be a large body.
  return request.size() - end - 4 >= std::strtoul(request.c_str() + length + 16, nullptr, 10);
}

}  // namespace

HttpImposter::HttpImposter(Answer answer)
    : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_.get(), generic, size) != 0 || ::listen(listener_.get(), 16) != 0 ||
      ::getsockname(listener_.get(), generic, &size) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

HttpImposter::~HttpImposter() = default;

std::string HttpImposter::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<std::string> HttpImposter::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::string HttpImposter::response(int status, const std::string& body,
                                   const std::string& header_lines) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         header_lines + "\r\n" + body;
}

void HttpImposter::serve(const std::stop_token& stop) {
  const platform::StopSignal signal(stop);
  const auto never = MonoTime::clock::now() + 1h;
  while (platform::wait_for(listener_.get(), POLLIN, never, signal) == platform::WaitEnd::ready) {
    const int connection = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) serve_one(connection);
  }
}

void HttpImposter::serve_one(int connection) {
  platform::Descriptor fd(connection);
  std::string request;
  std::array<char, 4096> buffer{};
  while (!is_complete(request)) {
    const ssize_t got = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return;
    request.append(buffer.data(), static_cast<size_t>(got));
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const std::string answer = answer_(request);
  if (answer.empty()) {
    silent_.push_back(std::move(fd));
    return;
  }
  size_t sent = 0;
  while (sent < answer.size()) {
    const ssize_t n = ::send(fd.get(), answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return;
    sent += static_cast<size_t>(n);
  }
}

}  // namespace vigie::testing
