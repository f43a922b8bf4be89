// The end of a connection whose last answer is written. Only files that include the network library
// include this.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <memory>
#include <utility>

#include "api/server_stream.h"

namespace vigie::api {

inline constexpr size_t kMostDropped = 256 << 10;

template <class Socket>
void drop_what_comes(Socket& socket, std::shared_ptr<Stream> stream,
                     std::shared_ptr<StreamUser> user, size_t left = kMostDropped) {
  socket.async_wait(Socket::wait_read, [&socket, stream = std::move(stream), user = std::move(user),
                                        left](boost::system::error_code error) mutable {
    if (error) return user->on_end();
    std::array<char, 8 << 10> forgotten;
    const size_t size = socket.read_some(boost::asio::buffer(forgotten), error);
    if ((error && error != boost::asio::error::would_block) || size >= left) return user->on_end();
    drop_what_comes(socket, std::move(stream), std::move(user), left - size);
  });
}

// Tells the other side that no more comes, then reads and forgets, up to a bound: to close a socket
// with bytes unread would be a reset, and a client may lose the answer by it. `stream` owns
// `socket`.
template <class Socket>
void drain_socket(Socket& socket, std::shared_ptr<Stream> stream,
                  std::shared_ptr<StreamUser> user) {
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.shutdown(Socket::shutdown_send, ignored);
  drop_what_comes(socket, std::move(stream), std::move(user));
}

}  // namespace vigie::api
