// The routes of Vigie's HTTP, their permissions, problem documents, correlation and access log,
// made into the Handler that the engine calls.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "api/message.h"
#include "api/query_pool.h"
#include "api/server.h"
#include "api/services.h"
#include "api/tokens.h"
#include "platform/clock.h"

namespace vigie::api {

struct ApiOptions {
  std::string service_name = "vigie";
  std::string version;
  bool metrics_open = false;  // /metrics without a token
  uint32_t owner_uid = 0;     // who is admin on the operator's socket, beside root
  size_t pool_threads = 2;    // for queries and commands
  size_t pool_queue = 32;     // waiting for a thread; beyond it 503 and Retry-After
  size_t pool_spares = 8;     // threads in the place of such as hang (query_pool.h)
  std::chrono::milliseconds query_deadline{30'000};
};

// One line of the access log. It holds no query string, no header and no body.
struct AccessEntry {
  std::string method;
  std::string route;  // the pattern ("/v1/runs/{run}"), "-" when none matched
  int status = 0;
  std::string correlation_id;
  std::string request_id;
  std::string actor_role;  // read, operate, admin, none
  std::string error_code;  // empty when there is none
  std::string peer;        // address, or "unix"
  Duration duration{};
  uint64_t bytes = 0;  // of the body that was answered
};
// Called on the engine's thread or on the pool's: must be quick and thread-safe.
using LogFn = std::function<void(const AccessEntry&)>;

// Thread-safe. What is given outlives it; it outlives the server.
class Api {
 public:
  static std::unique_ptr<Api> make(ApiOptions options, Services services, Tokens& tokens,
                                   const platform::Clock& clock, LogFn log);
  virtual ~Api() = default;
  virtual Handler handler() = 0;
  virtual RefusalFn refusal() = 0;
  // Figures of the engine for /metrics; set once the server runs.
  virtual void set_stats(std::function<ServerStats()> stats) = 0;
  // What became of queries and commands that did not return. Waits for nothing.
  virtual PoolFigures pool_figures() const = 0;
  // No new queries or commands; waits for those at work, which are asked to stop, as
  // QueryPool::stop() does. False: some are left behind.
  virtual bool stop() = 0;
};

}  // namespace vigie::api
