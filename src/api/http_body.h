// The body of a request: of a known length, or chunked (RFC 9112, 7.1). Chunk extensions and
// trailers are read by their grammar and dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/http_head.h"
#include "base/result.h"

namespace vigie::api {

class BodyReader {
 public:
  // Errors: http_body_too_large, when the head already says so.
  static Result<BodyReader> begin(const Head& head, size_t limit);

  // Takes what belongs to the body from the front of `bytes`; the number of bytes taken. What is
  // not taken while the body is not done must be given again with more behind it.
  Result<size_t> feed(std::string_view bytes);
  bool done() const { return state_ == State::done; }
  std::string take() { return std::move(body_); }

 private:
  enum class State : unsigned char { data, size_line, chunk_data, chunk_end, trailer, done };

  explicit BodyReader(size_t limit) : limit_(limit) {}
  Result<size_t> step(std::string_view bytes);
  size_t copy(std::string_view bytes, State next);
  Result<size_t> read_size_line(std::string_view bytes);
  Result<size_t> read_chunk_end(std::string_view bytes);
  Result<size_t> read_trailer(std::string_view bytes);

  size_t limit_;
  State state_ = State::done;
  uint64_t remaining_ = 0;  // of the body or the chunk
  size_t trailer_bytes_ = 0;
  std::string body_;
};

}  // namespace vigie::api
