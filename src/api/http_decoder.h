// Bytes of a connection into requests, one after the other. Pure: no socket, no clock.
#pragma once

#include <optional>
#include <string_view>

#include "api/http_body.h"
#include "api/http_head.h"
#include "api/message.h"
#include "base/result.h"

namespace vigie::api {

class Decoder {
 public:
  Decoder(HeadLimits limits, size_t body_limit)
      : limits_(limits), body_limit_(body_limit), scanner_(limits) {}

  // Takes what it can from the front of `bytes`, never beyond the end of one request; the number of
  // bytes taken. What was not taken must be given again, with more behind it. After an Error the
  // connection is lost: where the next request begins is not known.
  Result<size_t> feed(std::string_view bytes);

  bool ready() const { return body_ && body_->done(); }
  // The request, when ready; the decoder is fresh after it. Its peer and its ids are not set.
  Request take();

  // Of the request that is being read or was taken last.
  bool keep_alive() const { return keep_alive_; }
  bool is_head_method() const { return is_head_method_; }
  // The client waits for 100 Continue: true once, when the head has come and the body has not.
  bool take_continue();

 private:
  Result<size_t> feed_head(std::string_view bytes);

  HeadLimits limits_;
  size_t body_limit_;
  HeadScanner scanner_;
  std::optional<BodyReader> body_;
  Request request_;
  bool keep_alive_ = false;
  bool is_head_method_ = false;
  bool expects_continue_ = false;
};

}  // namespace vigie::api
