#include "daemon/alone.h"

#include <unistd.h>

#include <future>

#include "api/correlation.h"
#include "api/target.h"
#include "daemon/convert.h"

namespace vigie::daemon {
namespace {

class AloneBackend final : public cli::Backend {
 public:
  AloneBackend(std::unique_ptr<Wiring> wiring, std::stop_token stop) : wiring_(std::move(wiring)) {
    // What a daemon does beside its work, a command does before its own: the catalogue may not be
    // true yet. Who only reads does so on its copy of the catalogue, and records nothing.
    wiring_->tidy(std::move(stop));
  }

  Result<cli::Answer> ask(const cli::Ask& ask) override {
    api::Request request;
    request.method = ask.method;
    request.target = ask.target;
    TRY_ASSIGN(auto target, api::parse_target(ask.target, ask.method));
    request.path = std::move(target.path);
    request.query = std::move(target.query);
    if (!ask.body.is_null()) {
      request.body = canonical_json(ask.body);
      request.headers.emplace_back("content-type", "application/json");
    }
    request.peer = {
        .unix_socket = true, .trusted = true, .uid = static_cast<uint32_t>(::geteuid())};
    request.correlation = api::correlate(request);
    request.arrived = wiring_->world().clock.monotonic();
    std::promise<api::Response> promise;
    auto answered = promise.get_future();
    wiring_->api().handler()(std::move(request), [&](api::Response response) {
      promise.set_value(std::move(response));
    });
    const api::Response response = answered.get();
    auto body = parse_json(response.body, {.max_bytes = size_t{64} << 20});
    return cli::Answer{response.status, body ? std::move(*body) : json::value(nullptr)};
  }

 private:
  std::unique_ptr<Wiring> wiring_;
};

}  // namespace

Result<std::unique_ptr<cli::Backend>> open_alone(World world, const config::Config& config,
                                                 cli::Access access, std::stop_token stop) {
  TRY_ASSIGN(auto wiring, Wiring::open(std::move(world), config, {}, access));
  return std::make_unique<AloneBackend>(std::move(wiring), std::move(stop));
}

}  // namespace vigie::daemon
