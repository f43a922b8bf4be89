// One connection: reads requests, asks the handler, writes answers in order. It knows streams and
// times, no socket. Everything runs on the loop's thread, except the Respond it gives away.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "api/http_decoder.h"
#include "api/message.h"
#include "api/server.h"
#include "api/server_stream.h"
#include "base/error.h"
#include "platform/clock.h"

namespace vigie::api {

// What all connections of a server share. Lives as long as the last of them.
struct ConnectionHost {
  EngineLimits limits;
  Handler handler;
  RefusalFn refuse;
  const platform::Clock& clock;
  std::weak_ptr<Loop> loop;  // weak: what waits in the loop's queue owns connections
  std::function<void(class Connection&)> ended;
  std::function<std::string_view()> date;

  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> open{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> timed_out{0};
  std::atomic<uint64_t> over_cap{0};
};

class Connection final : public StreamUser, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ConnectionHost> host, std::shared_ptr<Stream> stream);

  void start();
  // Answers with `error` without reading, and closes.
  void turn_away(const Error& error);
  // Acts on a deadline that has passed.
  void sweep(MonoTime now);
  // Ends now when it is idle, else after the answer that is under way.
  void wind_down();
  void close();

  bool is_idle() const { return state_ == State::idle; }
  MonoTime idle_since() const { return since_; }
  bool is_trusted() const { return trusted_; }

  void on_open(bool ok) override;
  void on_bytes(std::string_view bytes) override;
  void on_written(bool ok) override;
  void on_end() override;

 private:
  // opening -> idle -> receiving -> handling -> writing -> idle …; finishing -> closed.
  enum class State : unsigned char {
    opening,
    idle,
    receiving,
    handling,
    continuing,  // 100 Continue is being written
    writing,
    finishing,
    closed
  };

  void enter(State state, std::chrono::milliseconds allowance);
  void read();
  void process();
  void handle();
  Respond make_respond();
  void answer(uint64_t number, Response response);
  void refuse(const Error& error);
  void write(Response response, bool keep_alive);
  void next_request();

  std::shared_ptr<ConnectionHost> host_;
  std::shared_ptr<Stream>
      stream_;  // gone after close(): a Respond must not keep it beyond the loop
  bool trusted_;
  Decoder decoder_;
  State state_ = State::opening;
  MonoTime since_{};
  MonoTime deadline_{};
  uint64_t number_ = 0;      // of the request that is being answered
  Correlation correlation_;  // of the request that is being answered
  int minor_version_ = 1;
  bool head_only_ = false;
  bool closing_ = false;  // no request after this answer
  std::string buffer_;    // arrived, not yet taken by the decoder
  std::string out_head_;
  std::string out_body_;
};

}  // namespace vigie::api
