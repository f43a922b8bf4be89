#include "platform/filter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace vigie::platform {
namespace {

constexpr size_t kBuffer = size_t{64} << 10;

struct Ends {
  Descriptor ours;
  Descriptor theirs;
};

Result<Ends> input_ends() {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return fail(file_error(errno, "socket"));
  return Ends{Descriptor(pair[0]), Descriptor(pair[1])};
}

Result<Ends> output_ends() {
  std::array<int, 2> pair{};
  if (::pipe2(pair.data(), O_CLOEXEC) != 0) return fail(file_error(errno, "pipe"));
  return Ends{Descriptor(pair[0]), Descriptor(pair[1])};
}

bool not_now(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

}  // namespace

Filter::Filter(CallLimits limits, Descriptor input, Descriptor output)
    : limits_(std::move(limits)),
      stop_(limits_.stop),
      input_(std::move(input)),
      output_(std::move(output)),
      buffer_(std::make_unique_for_overwrite<unsigned char[]>(kBuffer)) {
  ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
}

Result<std::unique_ptr<Filter>> Filter::start(ProcessRunner& runner, Command command,
                                              CallLimits limits) {
  TRY_ASSIGN(Ends input, input_ends());
  TRY_ASSIGN(Ends output, output_ends());
  command.input = input.theirs.get();
  command.output = output.theirs.get();
  std::unique_ptr<Filter> filter(
      new Filter(std::move(limits), std::move(input.ours), std::move(output.ours)));
  TRY_ASSIGN(filter->process_, runner.start(command, filter->limits_.stop));
  return filter;
}

// Until there is output, or room for input when it is wanted.
Result<> Filter::wait(bool to_write) {
  std::array<pollfd, 2> ends{{{output_.get(), POLLIN, 0}, {input_.get(), POLLOUT, 0}}};
  const std::span wanted = std::span(ends).first(to_write ? 2 : 1);
  switch (wait_any(wanted, limits_.deadline, stop_)) {
    case WaitEnd::ready:
      return {};
    case WaitEnd::stopped:
      return fail(ErrorCode::cancelled, {{"reason", "asked for"}});
    case WaitEnd::deadline:
      break;
  }
  const auto allowed = std::chrono::ceil<std::chrono::seconds>(limits_.deadline - began_);
  return fail(ErrorCode::deadline_exceeded,
              {{"name", "the program"}, {"seconds", fmt::format("{}", allowed.count())}});
}

// All that is there now. False: it has ended.
Result<bool> Filter::take_output(const Sink& sink) {
  while (output_) {
    const ssize_t got = ::read(output_.get(), buffer_.get(), kBuffer);
    if (got < 0 && not_now(errno)) return true;
    if (got < 0) return fail(file_error(errno, "pipe"));
    if (got == 0) {
      (void)output_.close();
    } else {
      TRY(sink({buffer_.get(), static_cast<size_t>(got)}));
    }
  }
  return false;
}

Result<bool> Filter::push(ByteSpan bytes, const Sink& sink) {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(input_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && !not_now(errno)) return false;
    if (sent > 0) bytes = bytes.subspan(static_cast<size_t>(sent));
    TRY_ASSIGN(const bool more, take_output(sink));
    if (!more) return false;
    if (sent < 0) TRY(wait(true));
  }
  return true;
}

Result<ProcessEnd> Filter::finish(const Sink& sink) {
  (void)input_.close();
  while (true) {
    TRY_ASSIGN(const bool more, take_output(sink));
    if (!more) break;
    TRY(wait(false));
  }
  return process_->wait(limits_.deadline, limits_.stop);
}

}  // namespace vigie::platform
