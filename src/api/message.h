// A request and an answer as plain values: what the HTTP engine and the routes have in common.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"

namespace vigie::api {

// Names are in lower case; the order is that of the wire.
using Headers = std::vector<std::pair<std::string, std::string>>;

// Who is at the other end. `uid` only for a unix socket (SO_PEERCRED).
struct Peer {
  bool unix_socket = false;
  bool trusted = false;  // came by a socket that says so (ListenOn): its uid may stand for a token
  std::string address;   // "127.0.0.1", "::1"; empty for a unix socket
  uint32_t uid = 0;
};

// The ids of a request (contracts.md, "Correlation").
struct Correlation {
  CorrelationId correlation_id;
  std::string request_id;
};

struct Request {
  std::string method;
  std::string target;             // as it came, at most 8 KiB
  std::vector<std::string> path;  // decoded segments: /v1/runs -> {"v1", "runs"}
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  std::string body;
  int minor_version = 1;  // HTTP/1.x
  Peer peer;
  Correlation correlation;
  MonoTime arrived{};  // when the request was complete

  // The only value of a header, or nothing when it is absent or comes more than once.
  std::optional<std::string_view> header(std::string_view lower_case_name) const;
  // The value of a query parameter, or nothing when it is absent or comes more than once.
  std::optional<std::string_view> parameter(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers;  // beside Content-Type, Content-Length, Date and Connection
  std::string body;
  bool close = false;  // close the connection after it
};

// Gives the answer, from any thread, once; later calls and calls after the client left do nothing.
using Respond = std::function<void(Response)>;
// Called on the engine's thread: it must return at once, and call `respond` now or from elsewhere.
using Handler = std::function<void(Request, Respond)>;

}  // namespace vigie::api
