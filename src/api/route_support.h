// What endpoints have in common: reading parameters and bodies, making answers.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/router.h"
#include "base/json.h"

namespace vigie::api {

Response json_response(const json::value& value, int status = 200);
// 202 with a Location: {run_id, location}.
Response accepted_run(const RunId& run);

// http_invalid_parameter.
tl::unexpected<Error> invalid(std::string_view argument, std::string_view expected);

// The body of a command as an object whose keys are all in `allowed`; an empty body is an empty
// object. A query parameter is an error too: to do the whole where a part was meant would be worse.
// Errors: http_unsupported_media, http_bad_request, http_invalid_parameter.
Result<json::object> command_body(const Request& request, std::vector<std::string_view> allowed);
// A member that is absent or a string of at most `limit` bytes without control characters.
Result<std::optional<std::string>> body_text(const json::object& body, std::string_view key,
                                             size_t limit);
// A member that is absent (false) or a truth value.
Result<bool> body_flag(const json::object& body, std::string_view key);
// A member that is absent (`otherwise`) or an integer from 1 to `most`.
Result<size_t> body_number(const json::object& body, std::string_view key, size_t otherwise,
                           size_t most);
// A member that is absent (empty) or a list of at most `most` texts, each as body_text().
Result<std::vector<std::string>> body_texts(const json::object& body, std::string_view key,
                                            size_t most, size_t limit);
// `reason` and `ref` of a human act, put into a copy of the call's context.
Result<CallContext> with_reason(const Call& call, const json::object& body);

// A query parameter: nothing when it is absent; an error when it comes twice.
Result<std::optional<std::string>> text_parameter(const Request& request, std::string_view name);
Result<size_t> limit_parameter(const Request& request, std::string_view name, size_t otherwise,
                               size_t most);
Result<bool> flag_parameter(const Request& request, std::string_view name);
Result<std::optional<SystemTime>> time_parameter(const Request& request, std::string_view name);
// Every parameter that came is one of `known`.
Result<> only_parameters(const Request& request, std::vector<std::string_view> known);

Result<RunId> parse_run_id(std::string_view text);

}  // namespace vigie::api
