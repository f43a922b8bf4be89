#include "tests/support/tls_front.h"

#include <cstdlib>
#include <stdexcept>

#include "tests/support/process_watch.h"

namespace vigie::testing {

TlsFront::TlsFront(int plain_port) {
  LinePipe said;
  platform::Command command;
  command.program = "/usr/bin/python3";
  command.arguments = {VIGIE_SOURCE_DIR "/tests/support/tls_front.py", folder_.path().string(),
                       std::to_string(plain_port)};
  command.output = said.writing_end();
  auto started = runner_->start(command, {});
  if (!started) throw std::runtime_error("no TLS front: python3 cannot be started");
  process_ = std::move(*started);
  said.close_writing_end();
  port_ = std::atoi(said.line().c_str());
  if (port_ == 0) throw std::runtime_error("no TLS front: it names no port");
}

}  // namespace vigie::testing
