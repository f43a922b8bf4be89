// The head of an HTTP/1.x request (RFC 9112), read strictly: what the grammar leaves to the
// recipient's kindness (obs-fold, bare LF, white space before the colon, two lengths, a length
// beside a transfer coding) is an error, because two readers could disagree about it.
//
// Pure functions. An error's code is of the http_ family; its reason is fixed words, never bytes of
// the request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/message.h"
#include "base/result.h"

namespace vigie::api {

struct HeadLimits {
  size_t header_bytes = 16 << 10;
  size_t target_bytes = 8 << 10;
  size_t fields = 100;
};

struct Head {
  std::string method;
  std::string target;
  int minor_version = 1;
  Headers headers;
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;
  bool expects_continue = false;
};

// Finds the end of a head in bytes that arrive piece by piece; looks at each byte once.
class HeadScanner {
 public:
  explicit HeadScanner(HeadLimits limits) : limits_(limits) {}

  // `bytes` is all that has arrived since the head began. The head's length with its empty line, or
  // nothing when more must come. Errors as soon as they are certain: bare LF, too long.
  Result<std::optional<size_t>> scan(std::string_view bytes);

 private:
  Result<std::optional<size_t>> end_of_line(std::string_view bytes, size_t newline);
  Result<> check_open_line(std::string_view bytes) const;
  Result<> check_size(size_t bytes) const;

  HeadLimits limits_;
  size_t looked_at_ = 0;
  size_t line_start_ = 0;
  size_t first_byte_ = 0;  // behind the one empty line that may come before a request
  bool in_request_line_ = true;
};

// A whole head as the scanner found it. One empty line may stand before it.
Result<Head> parse_head(std::string_view bytes, const HeadLimits& limits);

bool is_token(std::string_view text);  // RFC 9110, 5.6.2
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace vigie::api
