// The seam between the engine and sockets: a loop of one thread, and byte streams whose kind (TCP,
// TLS, unix) nobody above knows. Only server_loop.cc and server_tls.cc include the network library.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include "api/message.h"
#include "api/server.h"
#include "base/result.h"

namespace vigie::api {

// Told of what happens on a stream, on the loop's thread. Only on_open may come from inside the
// call that asked for it.
class StreamUser {
 public:
  virtual ~StreamUser() = default;
  virtual void on_open(bool ok) = 0;                  // after open()
  virtual void on_bytes(std::string_view bytes) = 0;  // after read(); valid during the call
  virtual void on_written(bool ok) = 0;               // after write()
  virtual void on_end() = 0;                          // the other side has closed, or an error
};

// One connection's bytes. Used on the loop's thread only. At most one read() and one write() at a
// time. An operation keeps the stream and its user alive until it has been told: its owner may let
// go of the stream at any time after close().
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  virtual ~Stream() = default;
  virtual const Peer& peer() const = 0;
  virtual void open(std::shared_ptr<StreamUser> user) = 0;  // the TLS handshake, where there is one
  virtual void read(std::shared_ptr<StreamUser> user) = 0;
  // `head` and `body` stay valid until on_written.
  virtual void write(std::shared_ptr<StreamUser> user, std::string_view head,
                     std::string_view body) = 0;
  // No more is written; a read() may still be under way. Drops what still comes, up to a bound, so
  // that the other side can read the last answer; on_end when it has closed.
  virtual void finish(std::shared_ptr<StreamUser> user) = 0;
  virtual void close() = 0;
};

class Loop {
 public:
  using AcceptFn = std::function<void(std::shared_ptr<Stream>)>;

  static std::shared_ptr<Loop> make();
  virtual ~Loop() = default;

  // Before run(), or on the loop's thread.
  virtual Result<uint16_t> listen(const ListenOn& listen, AcceptFn accepted) = 0;
  virtual void close_listeners() = 0;  // removes the paths of unix sockets
  virtual void every(std::chrono::milliseconds period, std::function<void()> task) = 0;
  virtual void after(std::chrono::milliseconds delay, std::function<void()> task) = 0;

  virtual void run() = 0;  // on a thread of the caller's, until stop()
  // Any thread.
  virtual void stop() = 0;
  virtual void post(std::function<void()> task) = 0;
  virtual bool is_this_thread() const = 0;
  // Runs what is ready, on this thread, when run() has ended: the ends of operations on streams
  // that were closed.
  virtual void drain() = 0;
  virtual Result<> reload_tls() = 0;
};

}  // namespace vigie::api
