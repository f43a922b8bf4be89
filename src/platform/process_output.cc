#include "platform/process_output.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>

#include "platform/descriptor.h"

namespace vigie::platform {
namespace {

struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(file_error(errno, "pipe"));
  return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

// Milliseconds left, rounded up, for poll().
int left_ms(MonoTime deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000));
}

// One read, or the end of the file (0), or why there is none.
Result<size_t> read_some(int fd, int wake, std::span<char> into, MonoTime deadline) {
  std::array<pollfd, 2> polled{{{fd, POLLIN, 0}, {wake, POLLIN, 0}}};
  while (true) {
    const int ready = ::poll(polled.data(), polled.size(), left_ms(deadline));
    if (ready < 0 && errno != EINTR) return fail(file_error(errno, "pipe"));
    if (polled[1].revents != 0) return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    if (polled[0].revents != 0) break;
    if (std::chrono::steady_clock::now() >= deadline) return fail(ErrorCode::deadline_exceeded);
  }
  const ssize_t got = ::read(fd, into.data(), into.size());
  if (got < 0) return fail(file_error(errno, "pipe"));
  return static_cast<size_t>(got);
}

Result<std::string> read_all(int fd, Bytes max, MonoTime deadline, std::stop_token stop) {
  const Descriptor wake(::eventfd(0, EFD_CLOEXEC));
  const std::stop_callback on_stop(stop, [&] { (void)::eventfd_write(wake.get(), 1); });
  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    TRY_ASSIGN(const size_t got, read_some(fd, wake.get(), buffer, deadline));
    if (got == 0) return text;
    if (text.size() + got > max.count) {
      return fail(ErrorCode::limit_exceeded,
                  {{"name", "output"}, {"observed", "more"}, {"limit", format_bytes(max)}});
    }
    text.append(buffer.data(), got);
  }
}

}  // namespace

Result<TextEnd> run_for_text(ProcessRunner& runner, Command command, Bytes max, MonoTime deadline,
                             std::stop_token stop) {
  TRY_ASSIGN(auto pipe, make_pipe());
  command.output = pipe.write_end.get();
  TRY_ASSIGN(const auto process, runner.start(command));
  (void)pipe.write_end.close();  // ours would keep the pipe open for ever
  TRY_ASSIGN(auto output, read_all(pipe.read_end.get(), max, deadline, stop));
  TRY_ASSIGN(auto end, process->wait(deadline, stop));
  return TextEnd{std::move(end), std::move(output)};
}

}  // namespace vigie::platform
