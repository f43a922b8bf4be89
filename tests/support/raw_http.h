// A client that sends any bytes: what no HTTP library would. Every wait is bounded by ten seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "platform/descriptor.h"
#include "platform/file_system.h"

namespace vigie::testing {

struct RawAnswer {
  int status = 0;
  std::string head;  // with its empty line
  std::string body;
  std::string header(std::string_view name) const;  // empty when absent
};

class RawClient {
 public:
  static RawClient connect_tcp(uint16_t port);  // 127.0.0.1
  static RawClient connect_unix(const platform::Path& path);

  bool connected() const { return bool(socket_); }
  // False when the other side has closed.
  bool send(std::string_view bytes);
  void finish_sending();
  // The next answer, by its Content-Length (none for `head_only`); nothing when the connection ends
  // before it is whole.
  std::optional<RawAnswer> read_answer(bool head_only = false);
  // Whether the other side closes without sending more.
  bool closes();
  // Whether nothing comes within `milliseconds`, and the connection stays open.
  bool stays_silent(int milliseconds);

 private:
  explicit RawClient(platform::Descriptor socket) : socket_(std::move(socket)) {}
  bool receive();

  platform::Descriptor socket_;
  std::string received_;
};

}  // namespace vigie::testing
