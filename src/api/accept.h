// Which of the offered media types the client would rather have (RFC 9110, 12.5.1).
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "api/message.h"

namespace vigie::api {

// The best of `offers` by the Accept header: highest q, then most specific, then first offered. The
// first offer when there is no Accept header or nothing fits (an answer beats a refusal for a
// probe).
std::string_view choose_type(const Request& request, std::span<const std::string_view> offers);

}  // namespace vigie::api
