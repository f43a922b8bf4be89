// A whole HTTP server with made-up views behind it (status_samples.h), on a free port and a unix
// socket. Header only: the rooms' tests that use it link what it needs.
#pragma once

#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/api.h"
#include "api/server.h"
#include "api/tokens.h"
#include "tests/support/fake_clock.h"
#include "tests/support/raw_http.h"
#include "tests/support/status_samples.h"
#include "tests/support/temp_folder.h"

namespace vigie::testing {

struct ApiFixtureOptions {
  api::EngineLimits limits;
  api::ApiOptions api;
  std::optional<api::TlsFiles> tls;
};

class ApiFixture {
 public:
  explicit ApiFixture(ApiFixtureOptions options = {}) : options_(std::move(options)) {
    options_.limits.sweep_every = std::chrono::milliseconds(5);
    options_.api.version = "0.1.0";
    options_.api.owner_uid = ::geteuid();
    tokens_ = api::Tokens::open(folder_ / "state.db", clock).value();
    services.views = [views = sample_views(clock.now())] { return views; };
  }
  ~ApiFixture() { stop(); }

  // Makes the server with the services as they stand.
  void start() {
    api_ = api::Api::make(options_.api, services, *tokens_, clock,
                          [this](const api::AccessEntry& entry) {
                            const std::lock_guard lock(mutex_);
                            log_.push_back(entry);
                          });
    api::ListenOn tcp{
        .address = "127.0.0.1", .port = 0, .unix_path = {}, .unix_mode = 0600, .tls = options_.tls};
    api::ListenOn operators{.address = {},
                            .port = 0,
                            .unix_path = socket(),
                            .unix_mode = 0600,
                            .trusts_peer = true,
                            .tls = {}};
    api::ListenOn named{
        .address = {}, .port = 0, .unix_path = named_socket(), .unix_mode = 0660, .tls = {}};
    server_ = api::Server::start({tcp, operators, named}, api_->handler(), api_->refusal(), clock,
                                 options_.limits)
                  .value();
    api_->set_stats([this] { return server_->stats(); });
  }
  void stop() {
    server_.reset();
    if (api_) (void)api_->stop();
  }

  uint16_t port() const { return server_->ports().at(0); }
  platform::Path socket() const { return folder_ / "vigie.sock"; }        // the operator's
  platform::Path named_socket() const { return folder_ / "named.sock"; }  // as in server.listen
  api::Server& server() { return *server_; }
  api::Tokens& tokens() { return *tokens_; }
  const TempFolder& folder() const { return folder_; }
  RawClient connect() const { return RawClient::connect_tcp(port()); }

  // One request on a connection of its own; `extra` are header lines with their CRLF.
  RawAnswer request(std::string_view method, std::string_view target, std::string_view extra = {},
                    std::string_view body = {}) const {
    return exchange(connect(), method, target, extra, body);
  }
  RawAnswer get(std::string_view target, std::string_view extra = {}) const {
    return request("GET", target, extra);
  }
  RawAnswer over_socket(std::string_view method, std::string_view target,
                        std::string_view body = {}) const {
    return exchange(RawClient::connect_unix(socket()), method, target, {}, body);
  }
  RawAnswer over_named_socket(std::string_view method, std::string_view target,
                              std::string_view extra = {}) const {
    return exchange(RawClient::connect_unix(named_socket()), method, target, extra, {});
  }
  // "Authorization: Bearer …" of a new token, with its CRLF.
  std::string token(api::Scope scope, std::optional<Duration> expires_in = std::nullopt) {
    return "Authorization: Bearer " +
           tokens_->create(scope, "test", expires_in).value().token.reveal() + "\r\n";
  }
  std::vector<api::AccessEntry> log() const {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  FakeClock clock;
  api::Services services;

 private:
  static RawAnswer exchange(RawClient client, std::string_view method, std::string_view target,
                            std::string_view extra, std::string_view body) {
    std::string bytes(method);
    bytes.append(" ").append(target).append(" HTTP/1.1\r\nHost: vigie\r\n").append(extra);
    if (!body.empty())
      bytes += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
               "\r\n";
    bytes.append("\r\n").append(body);
    client.send(bytes);
    return client.read_answer(method == "HEAD").value_or(RawAnswer{});
  }

  ApiFixtureOptions options_;
  TempFolder folder_;
  std::unique_ptr<api::Tokens> tokens_;
  mutable std::mutex mutex_;
  std::vector<api::AccessEntry> log_;  // guarded by mutex_
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::Server> server_;
};

}  // namespace vigie::testing
