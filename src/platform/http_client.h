// HTTP requests to others, by libcurl: http and https only (also after a redirect), certificates
// verified, a deadline, a stop token, a limit on what the answer may hold. No proxy, netrc or
// cookie from the environment. Bodies lie in memory, both ways: whoever moves more than that cuts
// it into parts and ranges.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"

namespace vigie::platform {

struct HttpRequest {
  std::string name;  // who is asked, for errors: "ping of nightly"
  Secret url;        // whole; it may hold a token
  std::string method = "GET";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // sent when the method is POST or PUT
  // In place of `body`, when it is set: a large one, that is not copied for each attempt.
  std::shared_ptr<const std::string> shared_body{};
  Bytes max_answer = 1_MiB;  // of the body; header lines are limited to 64 KiB
  int max_redirects = 3;
  std::string ca_file;  // empty: the system's
  // In place of `ca_file` and of the system's: the only certificates, in PEM, that the peer's may
  // come from; empty: none are given.
  std::string authority{};
  std::string client_certificate{};  // PEM; empty: none
  Secret client_key{};               // of that certificate; PEM
  std::string unix_socket;           // a path to connect to instead of the URL's host; empty: none
  Duration connect_within{};         // zero: until the deadline
  Duration stalled_after{};  // peer_unreachable when no byte has moved for so long; zero: never
  Bytes max_send_rate{};     // of the body, a second; zero: as fast as it goes
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case

  // The first of that name (lower case); empty when there is none.
  std::string_view header(std::string_view name) const;
};

// Thread-safe: each call is a transfer of its own.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // Any status is an answer. Errors: peer_unreachable, deadline_exceeded, cancelled,
  // limit_exceeded, http_invalid_parameter (a URL that is none, or of another scheme).
  virtual Result<HttpAnswer> send(const HttpRequest& request, MonoTime deadline,
                                  std::stop_token stop) = 0;
};

// Up to `kept_connections` stay open for the next request to the same peer.
std::unique_ptr<HttpClient> make_http_client(size_t kept_connections = 0);

}  // namespace vigie::platform
