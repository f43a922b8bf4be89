#include "api/options.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace vigie::api {
namespace {

using namespace std::chrono_literals;

std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped != end || port < 0 || port > 65535) return std::nullopt;
  return port;
}

std::optional<Listen> parse_socket(std::string_view path) {
  const bool fits = path.size() < sizeof(sockaddr_un::sun_path);
  if (!path.starts_with('/') || path.ends_with('/') || !fits) return std::nullopt;
  return Listen{{}, 0, std::string(path), {}};
}

bool is_address(const std::string& host, bool in_brackets) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  if (in_brackets) return inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  return host == "localhost" || inet_pton(AF_INET, host.c_str(), address.data()) == 1;
}

void read_listen(yaml::Fields& fields, Listen& target) {
  std::string text;
  fields.text("listen", text);
  if (text.empty()) return;
  const Place place = fields.self().find("listen")->place;
  if (auto listen = parse_listen(text)) {
    target = std::move(*listen);
  } else {
    const Problems::Scope scope(fields.problems(), "listen");
    fields.problems().wrong_value(
        place, "an address and a port such as 127.0.0.1:8480 or [::1]:8480, or unix:/path");
  }
  target.place = place;
}

void read_tls(yaml::Fields& fields, TlsOptions& tls) {
  fields.section("tls", [&](yaml::Fields& below) {
    below.absolute_path("certificate", tls.certificate, yaml::Need::required);
    below.absolute_path("key", tls.key, yaml::Need::required);
  });
}

void read_limits(yaml::Fields& fields, ServerLimits& limits) {
  fields.section("limits", [&](yaml::Fields& below) {
    below.number("connections", limits.connections, 1, 100'000);
    below.size("header", limits.header, 1_KiB, 1_MiB);
    below.size("target", limits.target, Bytes{256}, 64_KiB);
    below.size("body", limits.body, 1_KiB, 16_MiB);
    below.duration("request_timeout", limits.request_timeout, 1s, 10min);
    below.duration("idle_timeout", limits.idle_timeout, 1s, 1h);
  });
}

// A token in clear on the network is a token given away.
void check_exposure(const ServerOptions& options, Problems& problems) {
  if (options.tls.enabled() || options.listen.is_loopback()) return;
  const Problems::Scope scope(problems, "listen");
  if (options.allow_plain_http)
    problems.warning(options.listen.place, "listens beyond this host without TLS",
                     "a proxy in front that has it");
  else
    problems.mistake(options.listen.place, ErrorCode::config_value,
                     "listens beyond this host without TLS",
                     "a loopback address, a unix socket, or tls: {certificate, key}; behind a "
                     "proxy that has TLS: allow_plain_http: true");
}

}  // namespace

bool Listen::is_loopback() const {
  return is_socket() || host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::optional<Listen> parse_listen(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with('/')) return parse_socket(text);
  if (text.starts_with(kUnix)) return parse_socket(text.substr(kUnix.size()));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_port(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.size() > 2 && host.starts_with('[') && host.ends_with(']');
  if (in_brackets) host = host.substr(1, host.size() - 2);
  if (!port || !is_address(std::string(host), in_brackets)) return std::nullopt;
  return Listen{std::string(host), *port, {}, {}};
}

ServerOptions ServerOptions::parse(const yaml::Node& node, Problems& problems) {
  ServerOptions options;
  yaml::Fields fields(node, problems);
  read_listen(fields, options.listen);
  read_tls(fields, options.tls);
  fields.flag("metrics_open", options.metrics_open);
  fields.flag("allow_plain_http", options.allow_plain_http);
  read_limits(fields, options.limits);
  fields.finish();
  check_exposure(options, problems);
  return options;
}

}  // namespace vigie::api
