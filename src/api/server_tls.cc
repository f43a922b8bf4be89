#include <openssl/ssl.h>

#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "api/server_drain.h"
#include "api/server_sockets.h"
#include "platform/secret_file.h"

namespace vigie::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kReadBuffer = 16 << 10;  // one TLS record

class TlsStream final : public Stream {
 public:
  TlsStream(tcp::socket socket, Peer peer, std::shared_ptr<SSL_CTX> context)
      : peer_(std::move(peer)), context_(std::move(context)), stream_(std::move(socket), adopt()) {}

  const Peer& peer() const override { return peer_; }

  void open(std::shared_ptr<StreamUser> user) override {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [self = shared_from_this(), user = std::move(user)](error_code error) {
                              user->on_open(!error);
                            });
  }

  void read(std::shared_ptr<StreamUser> user) override {
    stream_.async_read_some(
        asio::buffer(buffer_),
        [this, self = shared_from_this(), user = std::move(user)](error_code error, size_t size) {
          if (error) return user->on_end();
          user->on_bytes({buffer_.data(), size});
        });
  }

  void write(std::shared_ptr<StreamUser> user, std::string_view head,
             std::string_view body) override {
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
    asio::async_write(stream_, buffers,
                      [self = shared_from_this(), user = std::move(user)](
                          error_code error, size_t) { user->on_written(!error); });
  }

  // The other side may be in the midst of a body: OpenSSL ends its shutdown with an error when data
  // come after its farewell, and what is not read would become a reset that takes the answer along.
  void finish(std::shared_ptr<StreamUser> user) override {
    stream_.async_shutdown(
        [this, self = shared_from_this(), user = std::move(user)](error_code error) mutable {
          if (!error) return user->on_end();
          drain_socket(stream_.next_layer(), std::move(self), std::move(user));
        });
  }

  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }

 private:
  // A connection of its own of the shared context: it counts as one more owner of it.
  SSL* adopt() { return SSL_new(context_.get()); }

  Peer peer_;
  std::shared_ptr<SSL_CTX> context_;
  asio::ssl::stream<tcp::socket> stream_;
  std::array<char, kReadBuffer> buffer_{};
};

tl::unexpected<Error> tls_error(const platform::Path& path, std::string_view reason) {
  return fail(ErrorCode::tls_files, {{"path", path.string()}, {"reason", std::string(reason)}});
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_length,
                    const unsigned char* in, unsigned in_length, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int result =
      SSL_select_next_proto(&chosen, out_length, kHttp11, sizeof(kHttp11) - 1, in, in_length);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Result<std::shared_ptr<SSL_CTX>> load_context(const TlsFiles& files) {
  TRY(platform::check_secret_file(files.key));
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return tls_error(files.certificate, "no memory for it");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.certificate.c_str()) != 1)
    return tls_error(files.certificate, "it is not a certificate in PEM");
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    return tls_error(files.key, "it is not a key in PEM, or not that of the certificate");
  if (SSL_CTX_check_private_key(context.get()) != 1)
    return tls_error(files.key, "it is not the key of the certificate");
  return context;
}

}  // namespace

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::load(TlsFiles files) {
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(std::move(files)));
  TRY(identity->reload());
  return identity;
}

Result<> TlsIdentity::reload() {
  TRY_ASSIGN(auto context, load_context(files_));
  const std::lock_guard lock(mutex_);
  context_ = std::move(context);
  return {};
}

std::shared_ptr<SSL_CTX> TlsIdentity::context() const {
  const std::lock_guard lock(mutex_);
  return context_;
}

std::shared_ptr<Stream> make_tls_stream(const asio::any_io_executor& executor, int fd, bool ipv6,
                                        Peer peer, std::shared_ptr<SSL_CTX> context) {
  error_code error;
  tcp::socket socket(executor);
  if (socket.assign(ipv6 ? tcp::v6() : tcp::v4(), fd, error)) return nullptr;
  return std::make_shared<TlsStream>(std::move(socket), std::move(peer), std::move(context));
}

}  // namespace vigie::api
