// server: in vigie.yaml.
#pragma once

#include <string>

#include "base/bytes.h"
#include "base/yaml_fields.h"

namespace vigie::api {

// Where to listen: an address and a port (0: any free one), or a unix socket.
struct Listen {
  std::string host;  // "127.0.0.1", "::1"; empty for a socket
  int port = 0;
  std::string socket;  // absolute path; empty for an address
  Place place;

  bool is_socket() const { return !socket.empty(); }
  bool is_loopback() const;  // 127.0.0.0/8, ::1, localhost, or a socket
};

struct TlsOptions {
  std::string certificate;  // PEM with its chain; both absolute, both or none
  std::string key;
  bool enabled() const { return !certificate.empty(); }
};

struct ServerLimits {
  int connections = 1000;
  Bytes header = 16_KiB;
  Bytes target = 8_KiB;
  Bytes body = 64_KiB;
  Duration request_timeout = std::chrono::seconds(10);  // from a request's first byte to its last
  Duration idle_timeout = std::chrono::seconds(60);     // between two requests
};

struct ServerOptions {
  Listen listen{.host = "127.0.0.1", .port = 8480, .socket = {}, .place = {}};
  TlsOptions tls;
  bool metrics_open = false;      // /metrics without a token
  bool allow_plain_http = false;  // beyond loopback without TLS: only behind a proxy that has it
  ServerLimits limits;

  static ServerOptions parse(const yaml::Node& node, Problems& problems);
};

// Nothing when the text is not host:port, [v6]:port, unix:/path or /path.
std::optional<Listen> parse_listen(std::string_view text);

}  // namespace vigie::api
