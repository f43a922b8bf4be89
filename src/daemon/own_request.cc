#include "daemon/own_request.h"

#include <unistd.h>

#include <future>

#include "api/correlation.h"
#include "api/target.h"

namespace vigie::daemon {

Result<api::Request> own_request(std::string method, std::string target, const json::value& body) {
  api::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  TRY_ASSIGN(auto parsed, api::parse_target(request.target, request.method));
  request.path = std::move(parsed.path);
  request.query = std::move(parsed.query);
  if (!body.is_null()) {
    request.body = canonical_json(body);
    request.headers.emplace_back("content-type", "application/json");
  }
  request.peer = {.unix_socket = true, .trusted = true, .address = {}, .uid = ::geteuid()};
  return request;
}

void as_stranger(api::Request& request, uint32_t number) {
  request.peer.trusted = false;
  request.peer.uid = UINT32_MAX - 1 - number;  // UINT32_MAX: "no user", as chown() has it
}

api::Response ask_routes(api::Api& api, api::Request request, MonoTime now) {
  request.correlation = api::correlate(request);
  request.arrived = now;
  // Held by the answer as well: it may come after whoever asked has gone.
  const auto promise = std::make_shared<std::promise<api::Response>>();
  auto answered = promise->get_future();
  api.handler()(std::move(request),
                [promise](api::Response response) { promise->set_value(std::move(response)); });
  return answered.get();
}

}  // namespace vigie::daemon
