// The HTTP/1.1 engine: listens on TCP, TLS and unix sockets, reads requests within limits, gives
// them to a Handler, writes the answers in order. It knows no route.
//
// Any doubt about where a request ends closes the connection after the error's answer (RFC 9112).
// All connections live on one thread of the engine's own. Time is the injected clock's; deadlines
// are looked at every `sweep_every`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/message.h"
#include "base/error.h"
#include "base/result.h"
#include "platform/clock.h"
#include "platform/file_system.h"

namespace vigie::api {

struct EngineLimits {
  size_t connections = 1024;        // beyond it the longest idle one goes, else 503
  size_t trusted_connections = 64;  // over the operator's socket, counted apart: he gets in
  size_t header_bytes = 16 << 10;   // request line and header fields
  size_t target_bytes = 8 << 10;
  size_t body_bytes = 64 << 10;
  std::chrono::milliseconds request_deadline{10'000};  // from its first byte to its last; handshake
  std::chrono::milliseconds answer_deadline{35'000};   // for the handler
  std::chrono::milliseconds write_deadline{20'000};    // for the whole answer
  std::chrono::milliseconds idle{75'000};              // between requests
  std::chrono::milliseconds sweep_every{250};
  uint32_t requests_per_connection = 100'000;
};

struct TlsFiles {
  platform::Path certificate;  // PEM, the chain
  platform::Path key;          // PEM; the rules of secret files apply
};

// Either an address and a port, or the path of a unix socket.
struct ListenOn {
  std::string address;  // "127.0.0.1", "::"
  uint16_t port = 0;    // 0: any free one
  platform::Path unix_path;
  unsigned unix_mode = 0660;
  bool trusts_peer = false;  // a unix socket whose peer's uid stands for a token: the operator's
  std::optional<TlsFiles> tls;
};

// How a request is answered that could not be read, or whose answer did not come; in the first case
// its ids are new ones.
using RefusalFn = std::function<Response(const Error&, const Peer&, const Correlation&)>;

struct ServerStats {
  uint64_t accepted = 0;
  uint64_t open = 0;
  uint64_t requests = 0;
  uint64_t refused = 0;    // requests that were malformed or too large
  uint64_t timed_out = 0;  // cut by a deadline
  uint64_t over_cap = 0;   // no room for the connection
};

class Server {
 public:
  // Listens at once; connections are served from then on. `clock` outlives the server.
  // Errors: listen_failed, tls_files.
  static Result<std::unique_ptr<Server>> start(const std::vector<ListenOn>& listens,
                                               Handler handler, RefusalFn refuse,
                                               const platform::Clock& clock,
                                               EngineLimits limits = {});
  // Stops accepting, gives answers under way two seconds, closes. Unix sockets' paths are removed.
  virtual ~Server() = default;
  Server() = default;
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The ports that were taken, in the order of `listens`; 0 for a unix socket.
  virtual std::vector<uint16_t> ports() const = 0;
  virtual ServerStats stats() const = 0;  // any thread
  // Reads the certificate and the key again; on an error the old ones stay. Any thread.
  virtual Result<> reload_tls() = 0;
};

// Raises this process's soft limit of descriptors to what `limits` need, as far as the hard limit
// allows; the number of connections that fits (at most limits.connections): what a server may be
// given.
[[nodiscard]] size_t reserve_descriptors(const EngineLimits& limits);

}  // namespace vigie::api
