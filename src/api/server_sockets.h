// What server_loop.cc and server_tls.cc share, without the network library's headers.
#pragma once

#include <memory>
#include <mutex>

#include "api/server_stream.h"

typedef struct ssl_ctx_st SSL_CTX;
namespace boost::asio {
class any_io_executor;
}

namespace vigie::api {

// A certificate and its key, replaceable while connections that began with the old ones go on.
// Thread-safe.
class TlsIdentity {
 public:
  static Result<std::shared_ptr<TlsIdentity>> load(TlsFiles files);
  Result<> reload();
  std::shared_ptr<SSL_CTX> context() const;

 private:
  explicit TlsIdentity(TlsFiles files) : files_(std::move(files)) {}
  TlsFiles files_;
  mutable std::mutex mutex_;
  std::shared_ptr<SSL_CTX> context_;  // guarded by mutex_
};

// Takes over the socket `fd` (connected, TCP) on the loop that `executor` belongs to.
std::shared_ptr<Stream> make_tls_stream(const boost::asio::any_io_executor& executor, int fd,
                                        bool ipv6, Peer peer, std::shared_ptr<SSL_CTX> context);

}  // namespace vigie::api
