// Requests that the program makes of its own routes, without a socket.
#pragma once

#include "api/api.h"
#include "base/json.h"

namespace vigie::daemon {

// As the owner would send it over vigie.sock. `body`: null: none. Errors: those of parse_target().
Result<api::Request> own_request(std::string method, std::string target,
                                 const json::value& body = nullptr);

// The same, as somebody who is nobody here would: without a token he may do nothing, and wrong ones
// are counted for `number` alone, which is no user's.
void as_stranger(api::Request& request, uint32_t number);

// Waits for the answer: at the latest the deadline of queries gives one.
api::Response ask_routes(api::Api& api, api::Request request, MonoTime now);

}  // namespace vigie::daemon
