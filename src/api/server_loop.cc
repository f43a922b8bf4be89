#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <thread>
#include <vector>

#include "api/server_drain.h"
#include "api/server_sockets.h"
#include "api/server_stream.h"

namespace vigie::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using unix_protocol = asio::local::stream_protocol;
using boost::system::error_code;
using Timer = asio::steady_timer;

constexpr size_t kScratch = 64 << 10;
constexpr std::chrono::milliseconds kAcceptPause{100};  // when there is no descriptor left
constexpr int kBacklog = 1024;

using Scratch = std::array<char, kScratch>;

template <class Socket>
class PlainStream final : public Stream {
 public:
  PlainStream(Socket socket, Peer peer, Scratch& scratch)
      : socket_(std::move(socket)), peer_(std::move(peer)), scratch_(scratch) {
    error_code ignored;
    socket_.non_blocking(true, ignored);
  }

  const Peer& peer() const override { return peer_; }
  void open(std::shared_ptr<StreamUser> user) override { user->on_open(true); }

  // Waits without a buffer of its own: an idle connection costs no memory for bytes to come.
  void read(std::shared_ptr<StreamUser> user) override {
    socket_.async_wait(Socket::wait_read, [this, self = shared_from_this(),
                                           user = std::move(user)](error_code error) mutable {
      if (error) return user->on_end();
      const size_t size = socket_.read_some(asio::buffer(scratch_), error);
      if (error == asio::error::would_block) return read(std::move(user));
      if (error || size == 0) return user->on_end();
      user->on_bytes({scratch_.data(), size});
    });
  }

  void write(std::shared_ptr<StreamUser> user, std::string_view head,
             std::string_view body) override {
    const std::array<asio::const_buffer, 2> buffers = {asio::buffer(head), asio::buffer(body)};
    asio::async_write(socket_, buffers,
                      [self = shared_from_this(), user = std::move(user)](
                          error_code error, size_t) { user->on_written(!error); });
  }

  void finish(std::shared_ptr<StreamUser> user) override {
    drain_socket(socket_, shared_from_this(), std::move(user));
  }

  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }

 private:
  Socket socket_;
  Peer peer_;
  Scratch& scratch_;  // of the loop
};

std::string address_text(const tcp::endpoint& endpoint) {
  auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

tl::unexpected<Error> listen_error(const std::string& where, const error_code& error) {
  return fail(ErrorCode::listen_failed, {{"host", where}, {"reason", error.message()}});
}

class AsioLoop final : public Loop, public std::enable_shared_from_this<AsioLoop> {
 public:
  Result<uint16_t> listen(const ListenOn& listen, AcceptFn accepted) override {
    if (!listen.unix_path.empty()) return listen_unix(listen, std::move(accepted));
    return listen_tcp(listen, std::move(accepted));
  }
  void close_listeners() override;
  void every(std::chrono::milliseconds period, std::function<void()> task) override;
  void after(std::chrono::milliseconds delay, std::function<void()> task) override;
  void run() override;
  void stop() override { io_.stop(); }
  void drain() override;
  void post(std::function<void()> task) override { asio::post(io_, std::move(task)); }
  bool is_this_thread() const override { return thread_.load() == std::this_thread::get_id(); }
  Result<> reload_tls() override;

 private:
  template <class Protocol>
  struct Listener {
    typename Protocol::acceptor acceptor;
    Timer pause;
    AcceptFn accepted;
    std::shared_ptr<TlsIdentity> identity;
    bool trusts_peer = false;
  };
  using TcpListener = Listener<tcp>;
  using UnixListener = Listener<unix_protocol>;

  Result<uint16_t> listen_tcp(const ListenOn& listen, AcceptFn accepted);
  Result<uint16_t> listen_unix(const ListenOn& listen, AcceptFn accepted);
  Result<> clear_path(const std::string& path);
  template <class Protocol>
  void accept(const std::shared_ptr<Listener<Protocol>>& listener);
  std::shared_ptr<Stream> make_stream(TcpListener& listener, tcp::socket socket);
  std::shared_ptr<Stream> make_stream(UnixListener& listener, unix_protocol::socket socket);

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(io_);
  std::vector<std::shared_ptr<TcpListener>> tcp_listeners_;
  std::vector<std::shared_ptr<UnixListener>> unix_listeners_;
  std::vector<platform::Path> unix_paths_;
  std::vector<std::shared_ptr<TlsIdentity>> identities_;  // fixed once run() has begun
  Scratch scratch_{};
  std::atomic<std::thread::id> thread_;
};

Result<uint16_t> AsioLoop::listen_tcp(const ListenOn& listen, AcceptFn accepted) {
  const auto where = listen.address + ":" + std::to_string(listen.port);
  error_code error;
  const auto address = asio::ip::make_address(listen.address, error);
  if (error) return listen_error(where, error);
  auto listener = std::make_shared<TcpListener>(
      TcpListener{tcp::acceptor(io_), Timer(io_), std::move(accepted), nullptr, false});
  if (listen.tls) {
    TRY_ASSIGN(listener->identity, TlsIdentity::load(*listen.tls));
    identities_.push_back(listener->identity);
  }
  const tcp::endpoint endpoint(address, listen.port);
  auto& acceptor = listener->acceptor;
  if (acceptor.open(endpoint.protocol(), error)) return listen_error(where, error);
  acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (acceptor.bind(endpoint, error)) return listen_error(where, error);
  if (acceptor.listen(kBacklog, error)) return listen_error(where, error);
  const auto port = acceptor.local_endpoint(error).port();
  tcp_listeners_.push_back(listener);
  accept(listener);
  return port;
}

// A socket that is left from a process that died is in the way of bind(): nobody answers on it, and
// it goes. Anything else at that path belongs to somebody.
Result<> AsioLoop::clear_path(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return {};  // bind() says what else is wrong
  const auto in_the_way = [&](const char* reason) {
    return fail(ErrorCode::listen_failed, {{"host", path}, {"reason", reason}});
  };
  if (!S_ISSOCK(status.st_mode)) return in_the_way("what is there is not a socket");
  error_code error;
  unix_protocol::socket probe(io_, unix_protocol());
  probe.non_blocking(true, error);  // a full queue is an answer too
  probe.connect(unix_protocol::endpoint(path), error);
  if (error != asio::error::connection_refused) return in_the_way("another process listens there");
  ::unlink(path.c_str());
  return {};
}

Result<uint16_t> AsioLoop::listen_unix(const ListenOn& listen, AcceptFn accepted) {
  const auto where = listen.unix_path.string();
  if (where.size() >= 108)  // sockaddr_un
    return fail(ErrorCode::listen_failed, {{"host", where}, {"reason", "the path is too long"}});
  TRY(clear_path(where));
  auto listener = std::make_shared<UnixListener>(UnixListener{
      unix_protocol::acceptor(io_), Timer(io_), std::move(accepted), nullptr, listen.trusts_peer});
  auto& acceptor = listener->acceptor;
  error_code error;
  if (acceptor.open(unix_protocol(), error)) return listen_error(where, error);
  if (acceptor.bind(unix_protocol::endpoint(where), error)) return listen_error(where, error);
  unix_paths_.push_back(listen.unix_path);
  if (::chmod(where.c_str(), listen.unix_mode) != 0)
    return listen_error(where, error_code(errno, boost::system::system_category()));
  if (acceptor.listen(kBacklog, error)) return listen_error(where, error);
  unix_listeners_.push_back(listener);
  accept(listener);
  return uint16_t{0};
}

template <class Protocol>
void AsioLoop::accept(const std::shared_ptr<Listener<Protocol>>& listener) {
  listener->acceptor.async_accept(
      [this, listener](error_code error, typename Protocol::socket socket) {
        if (!listener->acceptor.is_open()) return;
        if (!error) {
          if (auto stream = make_stream(*listener, std::move(socket)))
            listener->accepted(std::move(stream));
          return accept(listener);
        }
        listener->pause.expires_after(kAcceptPause);
        listener->pause.async_wait([this, listener](error_code cancelled) {
          if (!cancelled && listener->acceptor.is_open()) accept(listener);
        });
      });
}

std::shared_ptr<Stream> AsioLoop::make_stream(TcpListener& listener, tcp::socket socket) {
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return nullptr;
  socket.set_option(tcp::no_delay(true), error);
  Peer peer{.unix_socket = false, .trusted = false, .address = address_text(remote), .uid = 0};
  if (!listener.identity)
    return std::make_shared<PlainStream<tcp::socket>>(std::move(socket), std::move(peer), scratch_);
  const bool ipv6 = remote.protocol() == tcp::v6();
  const int fd = socket.release(error);
  if (error) return nullptr;
  return make_tls_stream(io_.get_executor(), fd, ipv6, std::move(peer),
                         listener.identity->context());
}

std::shared_ptr<Stream> AsioLoop::make_stream(UnixListener& listener,
                                              unix_protocol::socket socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return nullptr;
  Peer peer{
      .unix_socket = true, .trusted = listener.trusts_peer, .address = {}, .uid = credentials.uid};
  return std::make_shared<PlainStream<unix_protocol::socket>>(std::move(socket), std::move(peer),
                                                              scratch_);
}

void AsioLoop::close_listeners() {
  error_code ignored;
  for (auto& listener : tcp_listeners_) listener->acceptor.close(ignored);
  for (auto& listener : unix_listeners_) listener->acceptor.close(ignored);
  for (const auto& path : unix_paths_) ::unlink(path.c_str());
  unix_paths_.clear();
}

void AsioLoop::every(std::chrono::milliseconds period, std::function<void()> task) {
  after(period, [this, period, task = std::move(task)]() mutable {
    task();
    every(period, std::move(task));
  });
}

void AsioLoop::after(std::chrono::milliseconds delay, std::function<void()> task) {
  auto timer = std::make_shared<Timer>(io_, delay);
  timer->async_wait([timer, task = std::move(task)](error_code error) {
    if (!error) task();
  });
}

void AsioLoop::run() {
  thread_.store(std::this_thread::get_id());
  io_.run();
}

void AsioLoop::drain() {
  thread_.store(std::this_thread::get_id());
  io_.restart();
  io_.poll();
}

Result<> AsioLoop::reload_tls() {
  for (auto& identity : identities_) TRY(identity->reload());
  return {};
}

}  // namespace

std::shared_ptr<Loop> Loop::make() {
  return std::make_shared<AsioLoop>();
}

}  // namespace vigie::api
