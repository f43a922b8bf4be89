// The end of the log: a descriptor whose reader may hang.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

#include "base/encoding.h"
#include "base/json.h"
#include "base/time.h"
#include "platform/clock.h"
#include "platform/log.h"

namespace vigie::platform {
namespace {

constexpr int kPatience = 250;  // milliseconds

class Sink {
 public:
  explicit Sink(int fd) : fd_(fd) {}

  void write(std::string_view line) {
    const bool taken = lost_ == 0 ? put(line, kPatience) : put(note(), 0) && put_after_note(line);
    if (!taken) ++lost_;
  }

 private:
  bool put_after_note(std::string_view line) {
    lost_ = 0;
    return put(line, kPatience);
  }

  std::string note() const {
    return fmt::format(
        "{}{{\"ts\":\"{}\",\"level\":\"warn\",\"event\":\"log.lost\",\"service\":\"vigie\","
        "\"msg\":\"the reader of the log was too slow: {} lines are lost\"}}\n",
        torn_ ? "\n" : "", format_rfc3339(RealClock().now()), lost_);
  }

  // A descriptor that is ready takes PIPE_BUF bytes without making us wait.
  bool put(std::string_view text, int patience) {
    while (!text.empty()) {
      pollfd one{fd_, POLLOUT, 0};
      const int ready = ::poll(&one, 1, patience);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return false;
      const ssize_t put = ::write(fd_, text.data(), std::min<size_t>(text.size(), PIPE_BUF));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return false;
      torn_ = true;
      text.remove_prefix(static_cast<size_t>(put));
    }
    torn_ = false;
    return true;
  }

  int fd_;
  size_t lost_ = 0;
  bool torn_ = false;  // the last line was cut
};

}  // namespace

LogSink descriptor_sink(int fd) {
  return [sink = std::make_shared<Sink>(fd)](std::string_view line) { sink->write(line); };
}

LogSink spoken_sink(LogSink below) {
  return [below = std::move(below), last = std::string()](std::string_view line) mutable {
    const auto value = parse_json(line.substr(0, line.find('\n')));
    if (!value || !value->is_object()) return below(line);
    const auto text_of = [&](std::string_view key) {
      const json::string* text = find_string(value->get_object(), key);
      return text == nullptr ? std::string() : printable(*text, kMaxLogLine);
    };
    const std::string code = text_of("error_code");
    std::string words = fmt::format("vigie: {}{}\n", text_of("msg"),
                                    code.empty() ? "" : fmt::format(" ({})", code));
    if (words == last) return;
    below(words);
    last = std::move(words);
  };
}

}  // namespace vigie::platform
