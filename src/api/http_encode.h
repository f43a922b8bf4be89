// An answer's head as bytes.
#pragma once

#include <string>
#include <string_view>

#include "api/message.h"
#include "base/time.h"

namespace vigie::api {

struct EncodeOptions {
  int minor_version = 1;
  bool keep_alive = true;
  std::string_view date;  // as http_date gives it
};

// Status line and header fields with the empty line behind them. A header whose value holds a
// control character is left out: it could be read as two.
std::string encode_head(const Response& response, const EncodeOptions& options);

std::string http_date(SystemTime time);  // "Fri, 20 Nov 2026 02:00:00 GMT"
std::string_view reason_phrase(int status);
bool has_body(int status);  // false: 1xx, 204, 304

}  // namespace vigie::api
