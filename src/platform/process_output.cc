#include "platform/process_output.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "platform/descriptor.h"
#include "platform/wait.h"

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

// One read, or the end of the file (0), or why there is none.
Result<size_t> read_some(int fd, std::span<char> into, MonoTime began, MonoTime deadline,
                         const StopSignal& stop) {
  switch (wait_for(fd, POLLIN, deadline, stop)) {
    case WaitEnd::stopped:
      return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    case WaitEnd::deadline:
      return fail(
          ErrorCode::deadline_exceeded,
          {{"name", "the program's output"},
           {"seconds",
            fmt::format("{}", std::chrono::ceil<std::chrono::seconds>(deadline - began).count())}});
    case WaitEnd::ready:
      break;
  }
  const ssize_t got = ::read(fd, into.data(), into.size());
  if (got < 0) return fail(file_error(errno, "pipe"));
  return static_cast<size_t>(got);
}

Result<std::string> read_all(int fd, Bytes max, MonoTime began, MonoTime deadline,
                             const std::stop_token& stop) {
  const StopSignal signal(stop);
  std::string text;
  std::array<char, 16384> buffer;
  while (true) {
    TRY_ASSIGN(const size_t got, read_some(fd, buffer, began, deadline, signal));
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
  const auto began = MonoTime::clock::now();
  TRY_ASSIGN(auto pipe, make_pipe());
  command.output = pipe.write_end.get();
  TRY_ASSIGN(const auto process, runner.start(command, stop));
  (void)pipe.write_end.close();  // ours would keep the pipe open for ever
  TRY_ASSIGN(auto output, read_all(pipe.read_end.get(), max, began, deadline, stop));
  TRY_ASSIGN(auto end, process->wait(deadline, stop));
  return TextEnd{std::move(end), std::move(output)};
}

}  // namespace vigie::platform
