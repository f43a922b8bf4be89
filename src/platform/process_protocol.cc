#include "platform/process_protocol.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

namespace vigie::platform::supervision {
namespace {

constexpr size_t kDescriptors = 4;

// One byte, without which no descriptor travels, and the place for them.
struct Message {
  char byte = 0;
  iovec data{&byte, sizeof byte};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptors * sizeof(int))> ancillary{};
  msghdr head{};

  Message() {
    head.msg_iov = &data;
    head.msg_iovlen = 1;
    head.msg_control = ancillary.data();
    head.msg_controllen = ancillary.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
};

void append(std::string& text, std::string_view part) {
  text.append(part).push_back('\0');
}

void append(std::string& text, const std::vector<std::string>& parts) {
  append(text, std::to_string(parts.size()));
  for (const std::string& part : parts) append(text, part);
}

// Takes a text apart, string by string; says at the end whether there was as much as was asked for.
class Strings {
 public:
  explicit Strings(std::string_view text) : rest_(text) {}

  std::string next() {
    const size_t end = rest_.find('\0');
    whole_ = whole_ && end != std::string_view::npos;
    if (!whole_) return {};
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return out;
  }
  size_t number() {
    const std::string text = next();
    size_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    whole_ = whole_ && error == std::errc() && end == text.data() + text.size();
    return whole_ ? out : 0;
  }
  std::vector<std::string> list() {
    std::vector<std::string> out;
    for (size_t left = number(); left > 0 && whole_; --left) out.push_back(next());
    return out;
  }
  bool whole() const { return whole_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool whole_ = true;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<size_t>(wrote));
  }
  return true;
}

std::optional<std::string> read_all(int fd) {
  std::string out;
  std::array<char, 16 << 10> buffer{};
  while (true) {
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(out.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return out;
    out.append(buffer.data(), static_cast<size_t>(got));
  }
}

}  // namespace

Descriptor write_program(const Program& program) {
  std::string text;
  append(text, std::to_string(program.keep_stderr));
  append(text, program.folder);
  append(text, program.path);
  append(text, program.arguments);
  append(text, program.environment);
  Descriptor file(::memfd_create("vigie-program", MFD_CLOEXEC));
  if (!file || !write_all(file.get(), text)) return {};
  return file;
}

std::optional<Program> read_program(int fd) {
  const auto text = read_all(fd);
  if (!text) return std::nullopt;
  Strings strings(*text);
  Program out{strings.number(), strings.next(), strings.next(), strings.list(), strings.list()};
  if (!strings.whole() || out.arguments.empty()) return std::nullopt;
  return out;
}

int send_launch(int fork_server, const Launch& launch) {
  const std::array<int, kDescriptors> fds{launch.input.get(), launch.output.get(),
                                          launch.control.get(), launch.program.get()};
  Message message;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message.head);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof fds);
  std::memcpy(CMSG_DATA(rights), fds.data(), sizeof fds);
  return ::sendmsg(fork_server, &message.head, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

std::optional<Launch> receive_launch(int parent) {
  while (true) {
    Message message;
    const ssize_t got = ::recvmsg(parent, &message.head, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    std::array<int, kDescriptors> fds{};
    fds.fill(-1);
    const cmsghdr* const rights = CMSG_FIRSTHDR(&message.head);
    if (rights != nullptr) {
      std::memcpy(fds.data(), CMSG_DATA(rights),
                  std::min(rights->cmsg_len - CMSG_LEN(0), sizeof fds));
    }
    Launch launch{Descriptor(fds[0]), Descriptor(fds[1]), Descriptor(fds[2]), Descriptor(fds[3])};
    // Not all come when this process may open no more: the parent sees the control closed.
    if (launch.program) return launch;
  }
}

}  // namespace vigie::platform::supervision
