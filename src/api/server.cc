#include "api/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <thread>
#include <unordered_map>

#include "api/http_encode.h"
#include "api/server_connection.h"
#include "api/server_stream.h"

namespace vigie::api {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kWindDown{2000};  // for answers under way when the server stops
constexpr size_t kOtherDescriptors = 128;

// The connections of a server, on the loop's thread.
class Room {
 public:
  Room(Handler handler, RefusalFn refuse, const platform::Clock& clock, const EngineLimits& limits)
      : loop_(Loop::make()),
        host_(new ConnectionHost{.limits = limits,
                                 .handler = std::move(handler),
                                 .refuse = std::move(refuse),
                                 .clock = clock,
                                 .loop = loop_,
                                 .ended = {},
                                 .date = {}}) {
    host_->ended = [this](Connection& connection) { forget(connection); };
    host_->date = [this] { return date(); };
  }

  ConnectionHost& host() { return *host_; }
  const ConnectionHost& host() const { return *host_; }
  Loop& loop() { return *loop_; }

  void accept(std::shared_ptr<Stream> stream);
  void sweep();
  void wind_down();
  // When the loop's thread has ended.
  void close_all();

 private:
  size_t cap(bool trusted) const;
  bool make_room(bool trusted);
  std::shared_ptr<Connection> longest_idle(bool trusted) const;
  void forget(Connection& connection);
  std::string_view date();
  size_t& count(bool trusted) { return trusted ? trusted_count_ : other_count_; }

  std::shared_ptr<Loop> loop_;
  std::shared_ptr<ConnectionHost> host_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  size_t other_count_ = 0;
  size_t trusted_count_ = 0;
  bool stopping_ = false;
  SystemTime date_second_{};
  std::string date_;
};

void Room::accept(std::shared_ptr<Stream> stream) {
  const bool trusted = stream->peer().trusted;
  const bool room = make_room(trusted);
  if (count(trusted) >= cap(trusted) + cap(trusted) / 8 + 1) {
    host_->over_cap.fetch_add(1, std::memory_order_relaxed);
    return stream->close();
  }
  auto connection = std::make_shared<Connection>(host_, std::move(stream));
  connections_.emplace(connection.get(), connection);
  ++count(trusted);
  host_->accepted.fetch_add(1, std::memory_order_relaxed);
  host_->open.store(connections_.size(), std::memory_order_relaxed);
  if (room && !stopping_) return connection->start();
  host_->over_cap.fetch_add(1, std::memory_order_relaxed);
  connection->turn_away(Error(ErrorCode::too_many_connections,
                              {{"limit", std::to_string(host_->limits.connections)}}));
}

size_t Room::cap(bool trusted) const {
  return trusted ? host_->limits.trusted_connections : host_->limits.connections;
}

// One that is idle makes room for one that has something to say. Those that are told that there is
// no room count too; an eighth beyond the cap they are closed without a word.
bool Room::make_room(bool trusted) {
  if (count(trusted) < cap(trusted)) return true;
  const auto idle = longest_idle(trusted);
  if (!idle) return false;
  idle->close();
  return count(trusted) < cap(trusted);
}

std::shared_ptr<Connection> Room::longest_idle(bool trusted) const {
  std::shared_ptr<Connection> longest;
  for (const auto& [key, connection] : connections_) {
    if (!connection->is_idle() || connection->is_trusted() != trusted) continue;
    if (!longest || connection->idle_since() < longest->idle_since()) longest = connection;
  }
  return longest;
}

void Room::forget(Connection& connection) {
  --count(connection.is_trusted());
  connections_.erase(&connection);
  host_->open.store(connections_.size(), std::memory_order_relaxed);
  if (stopping_ && connections_.empty()) loop().stop();
}

void Room::sweep() {
  const auto now = host_->clock.monotonic();
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->sweep(now);
}

void Room::wind_down() {
  stopping_ = true;
  loop().close_listeners();
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [key, connection] : connections_) all.push_back(connection);
  for (const auto& connection : all) connection->wind_down();
  if (connections_.empty()) return loop().stop();
  loop().after(kWindDown, [this] { loop().stop(); });
}

void Room::close_all() {
  loop().drain();
  while (!connections_.empty()) connections_.begin()->second->close();
  loop().drain();
}

std::string_view Room::date() {
  const auto second = std::chrono::floor<std::chrono::seconds>(host_->clock.now());
  if (date_.empty() || second != date_second_) {
    date_second_ = second;
    date_ = http_date(second);
  }
  return date_;
}

class EngineServer final : public Server {
 public:
  EngineServer(Handler handler, RefusalFn refuse, const platform::Clock& clock,
               const EngineLimits& limits)
      : room_(std::move(handler), std::move(refuse), clock, limits) {}

  ~EngineServer() override {
    if (!thread_.joinable()) return;
    room_.loop().post([this] { room_.wind_down(); });
    thread_.join();
    room_.close_all();
  }

  Result<> listen(const std::vector<ListenOn>& listens) {
    for (const auto& listen : listens) {
      TRY_ASSIGN(const uint16_t port,
                 room_.loop().listen(listen, [this](std::shared_ptr<Stream> stream) {
                   room_.accept(std::move(stream));
                 }));
      ports_.push_back(port);
    }
    return {};
  }

  void run() {
    room_.loop().every(room_.host().limits.sweep_every, [this] { room_.sweep(); });
    thread_ = std::thread([this] { room_.loop().run(); });
  }

  std::vector<uint16_t> ports() const override { return ports_; }
  ServerStats stats() const override {
    const auto& host = room_.host();
    return {.accepted = host.accepted.load(),
            .open = host.open.load(),
            .requests = host.requests.load(),
            .refused = host.refused.load(),
            .timed_out = host.timed_out.load(),
            .over_cap = host.over_cap.load()};
  }
  Result<> reload_tls() override { return room_.loop().reload_tls(); }

 private:
  Room room_;
  std::vector<uint16_t> ports_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(const std::vector<ListenOn>& listens, Handler handler,
                                              RefusalFn refuse, const platform::Clock& clock,
                                              EngineLimits limits) {
  auto server =
      std::make_unique<EngineServer>(std::move(handler), std::move(refuse), clock, limits);
  TRY(server->listen(listens));
  server->run();
  return server;
}

size_t reserve_descriptors(const EngineLimits& limits) {
  const size_t wanted =
      limits.connections + limits.connections / 8 + limits.trusted_connections + kOtherDescriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return limits.connections;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    (void)::getrlimit(RLIMIT_NOFILE, &limit);
  }
  const size_t rest = wanted - limits.connections;
  return limit.rlim_cur > rest ? std::min<size_t>(limits.connections, limit.rlim_cur - rest) : 0;
}

}  // namespace vigie::api
