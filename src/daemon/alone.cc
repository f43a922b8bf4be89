#include "daemon/alone.h"

#include "daemon/beside.h"
#include "daemon/convert.h"
#include "daemon/own_request.h"

namespace vigie::daemon {
namespace {

// For a store's first word. A slow one is waited for; a file system that hangs says none, ever.
constexpr auto kStorePatience = std::chrono::seconds(10);

class AloneBackend final : public cli::Backend {
 public:
  AloneBackend(std::shared_ptr<Wiring> wiring, std::stop_token stop, bool& left_behind)
      : wiring_(std::move(wiring)) {
    if (!stores_answer()) {
      left_behind = true;
      wiring_->world().log.write(platform::LogLevel::warn, "store.silent",
                                 "a store does not answer: this is what was written down of it");
      return;
    }
    // What a daemon does beside its work, a command does before its own: the catalogue may not be
    // true yet. Who only reads does so on its copy of the catalogue, and records nothing.
    wiring_->tidy(std::move(stop));
  }

  Result<cli::Answer> ask(const cli::Ask& ask) override {
    TRY_ASSIGN(auto request, own_request(ask.method, ask.target, ask.body));
    const api::Response response =
        ask_routes(wiring_->api(), std::move(request), wiring_->world().clock.monotonic());
    auto body = parse_json(response.body, {.max_bytes = size_t{64} << 20});
    return cli::Answer{response.status, body ? std::move(*body) : json::value(nullptr)};
  }

 private:
  bool stores_answer() {
    Beside looking;
    looking.start(
        [wiring = wiring_](const std::stop_token&) { wiring->backups().observe_stores(); });
    return looking.ends_within(kStorePatience);
  }

  std::shared_ptr<Wiring> wiring_;  // also of whoever was left behind
};

}  // namespace

Result<std::unique_ptr<cli::Backend>> open_alone(World world, const config::Config& config,
                                                 cli::Access access, std::stop_token stop,
                                                 bool& left_behind) {
  TRY_ASSIGN(auto wiring, Wiring::open(std::move(world), config, {}, access));
  return std::make_unique<AloneBackend>(std::move(wiring), std::move(stop), left_behind);
}

}  // namespace vigie::daemon
