#include "daemon/restart.h"

#include <fmt/format.h>

namespace vigie::daemon {
namespace {

// All that takes effect at a start only: two are alike when their texts are.
std::string text_of(const api::ServerOptions& server) {
  const auto& listen = server.listen;
  const auto& limits = server.limits;
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{} {} {} {} {} {} {}", listen.host, listen.port,
                     listen.socket, server.tls.certificate, server.tls.key, server.metrics_open,
                     limits.connections, limits.header.count, limits.target.count,
                     limits.body.count, limits.request_timeout.count(),
                     limits.idle_timeout.count());
}

}  // namespace

std::string restart_parts(const config::Config& started_with, const config::Config& read) {
  std::string parts;
  if (text_of(started_with.server) != text_of(read.server)) parts = "server";
  if (started_with.state.dir != read.state.dir) parts += parts.empty() ? "state" : ", state";
  if (started_with.evidence.copy_to != read.evidence.copy_to)
    parts += parts.empty() ? "evidence" : ", evidence";
  return parts;
}

}  // namespace vigie::daemon
