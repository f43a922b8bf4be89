#include "api/http_decoder.h"

#include <utility>

#include "api/target.h"

namespace vigie::api {

Result<size_t> Decoder::feed(std::string_view bytes) {
  size_t taken = 0;
  if (!body_) {
    TRY_ASSIGN(taken, feed_head(bytes));
    if (!body_) return 0;
  }
  TRY_ASSIGN(const size_t of_body, body_->feed(bytes.substr(taken)));
  return taken + of_body;
}

Result<size_t> Decoder::feed_head(std::string_view bytes) {
  TRY_ASSIGN(const auto end, scanner_.scan(bytes));
  if (!end) return 0;
  TRY_ASSIGN(auto head, parse_head(bytes.substr(0, *end), limits_));
  TRY_ASSIGN(auto target, parse_target(head.target, head.method));
  TRY_ASSIGN(body_, BodyReader::begin(head, body_limit_));
  keep_alive_ = head.keep_alive;
  is_head_method_ = head.method == "HEAD";
  expects_continue_ = head.expects_continue && !body_->done();
  request_ = Request{.method = std::move(head.method),
                     .target = std::move(head.target),
                     .path = std::move(target.path),
                     .query = std::move(target.query),
                     .headers = std::move(head.headers),
                     .body = {},
                     .minor_version = head.minor_version,
                     .peer = {},
                     .correlation = {},
                     .arrived = {}};
  return *end;
}

Request Decoder::take() {
  request_.body = body_->take();
  body_.reset();
  scanner_ = HeadScanner(limits_);
  return std::move(request_);
}

bool Decoder::take_continue() {
  return std::exchange(expects_continue_, false) && !ready();
}

}  // namespace vigie::api
