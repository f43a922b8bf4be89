#include "api/server_options.h"

namespace vigie::api {
namespace {

std::chrono::milliseconds milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

}  // namespace

EngineLimits engine_limits(const ServerOptions& options) {
  EngineLimits limits;
  limits.connections = size_t(options.limits.connections);
  limits.header_bytes = options.limits.header.count;
  limits.target_bytes = options.limits.target.count;
  limits.body_bytes = options.limits.body.count;
  limits.request_deadline = milliseconds(options.limits.request_timeout);
  limits.idle = milliseconds(options.limits.idle_timeout);
  return limits;
}

std::vector<ListenOn> listen_on(const ServerOptions& options,
                                const platform::Path& operator_socket) {
  std::vector<ListenOn> all;
  if (!operator_socket.empty())
    all.push_back({.address = {},
                   .port = 0,
                   .unix_path = operator_socket,
                   .unix_mode = 0600,
                   .trusts_peer = true,
                   .tls = {}});
  ListenOn named;
  if (options.listen.is_socket()) {
    named.unix_path = options.listen.socket;
  } else {
    named.address = options.listen.host == "localhost" ? "127.0.0.1" : options.listen.host;
    named.port = uint16_t(options.listen.port);
    if (options.tls.enabled()) named.tls = TlsFiles{options.tls.certificate, options.tls.key};
  }
  all.push_back(std::move(named));
  return all;
}

}  // namespace vigie::api
