#include "api/server_connection.h"

#include <utility>

#include "api/correlation.h"
#include "api/http_encode.h"

namespace vigie::api {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFarewell{2000};    // for the client to read the last answer and close
constexpr size_t kKeptCapacity = 4 << 10;  // an idle connection keeps no larger buffer
constexpr size_t kJoinBody = 8 << 10;      // a body up to this size is written with its head
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string seconds_text(milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

void drop_if_large(std::string& buffer) {
  if (buffer.empty() && buffer.capacity() > kKeptCapacity) std::string().swap(buffer);
}

}  // namespace

Connection::Connection(std::shared_ptr<ConnectionHost> host, std::shared_ptr<Stream> stream)
    : host_(std::move(host)),
      stream_(std::move(stream)),
      trusted_(stream_->peer().trusted),
      decoder_(
          {.header_bytes = host_->limits.header_bytes, .target_bytes = host_->limits.target_bytes},
          host_->limits.body_bytes) {}

void Connection::start() {
  enter(State::opening, host_->limits.request_deadline);
  stream_->open(shared_from_this());
}

void Connection::turn_away(const Error& error) {
  refuse(error);
}

void Connection::enter(State state, milliseconds allowance) {
  state_ = state;
  since_ = host_->clock.monotonic();
  deadline_ = since_ + allowance;
}

void Connection::on_open(bool ok) {
  if (state_ != State::opening) return;
  if (!ok) return close();
  next_request();
}

void Connection::read() {
  stream_->read(shared_from_this());
}

void Connection::next_request() {
  if (closing_) return close();
  drop_if_large(buffer_);
  if (buffer_.empty()) {
    enter(State::idle, host_->limits.idle);
    return read();
  }
  enter(State::receiving, host_->limits.request_deadline);
  process();
}

void Connection::on_bytes(std::string_view bytes) {
  if (state_ == State::idle) enter(State::receiving, host_->limits.request_deadline);
  if (state_ != State::receiving) return;
  buffer_.append(bytes);
  process();
}

void Connection::process() {
  const auto taken = decoder_.feed(buffer_);
  if (!taken) {
    host_->refused.fetch_add(1, std::memory_order_relaxed);
    return refuse(taken.error());
  }
  buffer_.erase(0, *taken);
  if (decoder_.ready()) return handle();
  if (!decoder_.take_continue()) return read();
  state_ = State::continuing;  // the deadline goes on: it is the request's
  stream_->write(shared_from_this(), kContinue, {});
}

void Connection::handle() {
  Request request = decoder_.take();
  request.peer = stream_->peer();
  request.correlation = correlation_ = correlate(request);
  request.arrived = host_->clock.monotonic();
  minor_version_ = request.minor_version;
  head_only_ = decoder_.is_head_method();
  ++number_;
  host_->requests.fetch_add(1, std::memory_order_relaxed);
  enter(State::handling, host_->limits.answer_deadline);
  host_->handler(std::move(request), make_respond());
}

Respond Connection::make_respond() {
  return [self = shared_from_this(), number = number_](Response response) {
    const auto loop = self->host_->loop.lock();
    if (!loop) return;
    if (loop->is_this_thread()) return self->answer(number, std::move(response));
    loop->post([self, number, response = std::move(response)]() mutable {
      self->answer(number, std::move(response));
    });
  };
}

void Connection::answer(uint64_t number, Response response) {
  if (state_ != State::handling || number != number_) return;
  const bool keep = decoder_.keep_alive() && !closing_ && !response.close &&
                    number_ < host_->limits.requests_per_connection;
  write(std::move(response), keep);
}

void Connection::refuse(const Error& error) {
  if (state_ != State::handling) {
    head_only_ = false;
    correlation_ = correlate({});
  }
  minor_version_ = 1;
  write(host_->refuse(error, stream_->peer(), correlation_), false);
}

void Connection::write(Response response, bool keep_alive) {
  closing_ = !keep_alive;
  out_head_ = encode_head(
      response, {.minor_version = minor_version_, .keep_alive = keep_alive, .date = host_->date()});
  out_body_ = head_only_ || !has_body(response.status) ? std::string() : std::move(response.body);
  if (out_body_.size() <= kJoinBody) {
    out_head_ += out_body_;
    out_body_.clear();
  }
  enter(State::writing, host_->limits.write_deadline);
  stream_->write(shared_from_this(), out_head_, out_body_);
}

void Connection::on_written(bool ok) {
  if (state_ == State::closed) return;
  if (!ok) return close();
  if (state_ == State::continuing) {
    state_ = State::receiving;
    return process();
  }
  if (state_ != State::writing) return;
  drop_if_large(out_body_);
  if (!closing_) return next_request();
  enter(State::finishing, kFarewell);
  stream_->finish(shared_from_this());
}

void Connection::on_end() {
  close();
}

void Connection::sweep(MonoTime now) {
  if (state_ == State::closed || now < deadline_) return;
  if (state_ == State::idle || state_ == State::finishing) return close();
  host_->timed_out.fetch_add(1, std::memory_order_relaxed);
  if (state_ == State::receiving)
    return refuse(Error(ErrorCode::http_request_timeout,
                        {{"seconds", seconds_text(host_->limits.request_deadline)}}));
  if (state_ == State::handling)
    return refuse(
        Error(ErrorCode::deadline_exceeded,
              {{"name", "the request"}, {"seconds", seconds_text(host_->limits.answer_deadline)}}));
  close();
}

void Connection::wind_down() {
  if (state_ == State::idle || state_ == State::opening) return close();
  closing_ = true;
}

void Connection::close() {
  if (std::exchange(state_, State::closed) == State::closed) return;
  const auto self = shared_from_this();  // `ended` gives up what may be the last other reference
  std::exchange(stream_, nullptr)->close();
  host_->ended(*this);
}

}  // namespace vigie::api
