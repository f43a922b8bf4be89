// Which endpoint a request is for. Pure.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/message.h"
#include "api/services.h"
#include "base/result.h"

namespace vigie::api {

// Who asks: a token's owner or a peer of the operator's socket.
struct Principal {
  std::string actor;
  Scope scope = Scope::read;
};

// What an endpoint is given. Lives during the call.
struct Call {
  const Request& request;
  const std::vector<std::string>& arguments;  // the pattern's {…}, decoded, in order
  const std::optional<Principal>& principal;
  SystemTime now;
  const CallContext& context;
};
using Endpoint = std::function<Result<Response>(const Call&)>;

// On the engine's thread, or on the pool's.
enum class RequestClass : unsigned char { view, query };

struct Route {
  std::string method;          // GET also answers HEAD
  std::string pattern;         // "/v1/runs/{run}": a {…} stands for one segment that is not empty
  std::optional<Scope> scope;  // nothing: open to everybody
  RequestClass kind = RequestClass::query;
  Endpoint endpoint;
};

class Router {
 public:
  void add(Route route);

  struct Match {
    const Route* route = nullptr;  // nullptr: no such path, or not this method
    std::vector<std::string> arguments;
    std::string allow;  // for Allow: the methods of the path; empty when there is no such path
  };
  Match find(std::string_view method, const std::vector<std::string>& path) const;

 private:
  struct Known {
    Route route;
    std::vector<std::string> segments;
  };
  std::vector<Known> routes_;
};

}  // namespace vigie::api
