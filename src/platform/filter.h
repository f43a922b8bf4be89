// A program through which bytes are piped: what is pushed goes to its stdin, and what it has
// written to stdout meanwhile goes to a sink. Neither side can block the other for good, since both
// ends are looked at together.
#pragma once

#include <functional>
#include <memory>

#include "base/bytes.h"
#include "base/work.h"
#include "platform/descriptor.h"
#include "platform/process.h"
#include "platform/wait.h"

namespace vigie::platform {

// One thread owns it. Dropping it kills the program. At most 64 KiB of its output are held.
class Filter {
 public:
  // Gets the output in order. Its error ends the call.
  using Sink = std::function<Result<>(ByteSpan)>;

  // The command's input and output are the filter's. The limits are for all that follows. Errors:
  // process_spawn, cancelled.
  static Result<std::unique_ptr<Filter>> start(ProcessRunner& runner, Command command,
                                               CallLimits limits);

  // False: the program reads no more; finish() tells why. Errors: deadline_exceeded, cancelled,
  // those of the sink.
  Result<bool> push(ByteSpan bytes, const Sink& sink);
  // Nothing more comes: takes the rest of the output, and how the program ended. Errors: the same.
  Result<ProcessEnd> finish(const Sink& sink);

 private:
  Filter(CallLimits limits, Descriptor input, Descriptor output);

  Result<> wait(bool to_write);
  Result<bool> take_output(const Sink& sink);

  const CallLimits limits_;
  const MonoTime began_ = MonoTime::clock::now();
  const StopSignal stop_;
  Descriptor input_;   // a socket: writing to a program that is gone raises no signal
  Descriptor output_;  // a pipe; closed at its end
  std::unique_ptr<Process> process_;
  std::unique_ptr<unsigned char[]> buffer_;
};

}  // namespace vigie::platform
