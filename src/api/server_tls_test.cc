#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstdio>

#include "tests/support/api_fixture.h"

namespace vigie::api {
namespace {

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* pointer) const { Free(pointer); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX, SSL_CTX_free>>;

Certificate self_signed(EVP_PKEY* key, long serial) {
  Certificate certificate(X509_new());
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  X509_sign(certificate.get(), key, EVP_sha256());
  return certificate;
}

void write_pair(const TlsFiles& files, long serial) {
  const Key key(EVP_EC_gen("P-256"));
  const auto certificate = self_signed(key.get(), serial);
  FILE* out = std::fopen(files.certificate.c_str(), "w");
  PEM_write_X509(out, certificate.get());
  std::fclose(out);
  out = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(out);
  ::chmod(files.key.c_str(), 0600);
}

struct Seen {
  bool shaken = false;
  std::string version;
  long serial = 0;
  std::string answer;
};

// A client that speaks at most `version`. Its end is an abrupt one: no farewell of TLS.
class TlsClient {
 public:
  explicit TlsClient(uint16_t port, int version = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_quiet_shutdown(context_.get(), 1);
    bio_.reset(BIO_new_ssl_connect(context_.get()));
    BIO_set_conn_hostname(bio_.get(), ("127.0.0.1:" + std::to_string(port)).c_str());
    shaken_ = BIO_do_connect(bio_.get()) == 1;
  }
  bool shaken() const { return shaken_; }
  SSL* ssl() const {
    SSL* ssl = nullptr;
    BIO_get_ssl(bio_.get(), &ssl);
    return ssl;
  }
  bool send(std::string_view bytes) {
    return BIO_write(bio_.get(), bytes.data(), int(bytes.size())) == int(bytes.size());
  }
  // All that comes until the other side says that no more does.
  std::string read_to_end() {
    std::string answer;
    char buffer[4096];
    for (int size; (size = BIO_read(bio_.get(), buffer, sizeof(buffer))) > 0;)
      answer.append(buffer, size_t(size));
    return answer;
  }
  // Whether the connection below ends as it should, neither by a reset nor by silence.
  bool ends_cleanly() const {
    pollfd one{int(BIO_get_fd(bio_.get(), nullptr)), POLLIN, 0};
    char byte = 0;
    return ::poll(&one, 1, 10'000) == 1 && ::recv(one.fd, &byte, 1, 0) == 0;
  }

 private:
  struct FreeBio {
    void operator()(BIO* bio) const { BIO_free_all(bio); }
  };
  Context context_;
  std::unique_ptr<BIO, FreeBio> bio_;
  bool shaken_ = false;
};

// One request by a client that speaks at most `version`.
Seen ask(uint16_t port, int version) {
  TlsClient client(port, version);
  Seen seen{.shaken = client.shaken(), .version = {}, .serial = 0, .answer = {}};
  if (!seen.shaken) return seen;
  seen.version = SSL_get_version(client.ssl());
  const Certificate certificate(SSL_get1_peer_certificate(client.ssl()));
  seen.serial = ASN1_INTEGER_get(X509_get0_serialNumber(certificate.get()));
  client.send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  seen.answer = client.read_to_end();
  return seen;
}

// The server has read what other clients sent before: one thread serves all.
bool settled(const testing::ApiFixture& fixture) {
  return ask(fixture.port(), TLS1_3_VERSION).shaken;
}

class ServerTlsTest : public ::testing::Test {
 protected:
  ServerTlsTest() { write_pair(files_, 1); }
  std::unique_ptr<testing::ApiFixture> start() {
    testing::ApiFixtureOptions options;
    options.tls = files_;
    auto fixture = std::make_unique<testing::ApiFixture>(options);
    fixture->start();
    return fixture;
  }

  testing::TempFolder folder_;
  TlsFiles files_{folder_ / "certificate.pem", folder_ / "key.pem"};
};

TEST_F(ServerTlsTest, AnswersOverTls13And12) {
  const auto fixture = start();
  for (const int version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    const auto seen = ask(fixture->port(), version);
    ASSERT_TRUE(seen.shaken);
    EXPECT_EQ(seen.version, version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    EXPECT_TRUE(seen.answer.starts_with("HTTP/1.1 200 OK\r\n")) << seen.answer;
    EXPECT_TRUE(seen.answer.ends_with("}")) << seen.answer;
  }
}

TEST_F(ServerTlsTest, RefusesTls11) {
  const auto fixture = start();
  EXPECT_FALSE(ask(fixture->port(), TLS1_1_VERSION).shaken);
}

TEST_F(ServerTlsTest, CutsAHandshakeThatDoesNotEnd) {
  const auto fixture = start();
  auto client = fixture->connect();
  client.send("\x16");
  ASSERT_TRUE(client.stays_silent(20));
  fixture->clock.advance(std::chrono::seconds(10));
  EXPECT_TRUE(client.closes());
}

constexpr std::string_view kHalf = "GET /health HTTP/1.1\r\nHost: x\r\n";

// The server's farewell waits behind its read of the rest, and both end after the connection.
TEST_F(ServerTlsTest, CutsAClientThatStallsInItsRequest) {
  const auto fixture = start();
  TlsClient client(fixture->port());
  ASSERT_TRUE(client.send(kHalf));
  ASSERT_TRUE(settled(*fixture));
  fixture->clock.advance(std::chrono::seconds(10));
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 408 "));
  fixture->clock.advance(std::chrono::seconds(2));
  EXPECT_TRUE(client.ends_cleanly());
  EXPECT_TRUE(ask(fixture->port(), TLS1_3_VERSION).shaken);
}

TEST_F(ServerTlsTest, OutlivesAClientThatLeavesWithoutAWordInItsRequest) {
  const auto fixture = start();
  std::optional<TlsClient> client(std::in_place, fixture->port());
  ASSERT_TRUE(client->send(kHalf));
  ASSERT_TRUE(settled(*fixture));
  fixture->clock.advance(std::chrono::seconds(10));
  EXPECT_TRUE(client->read_to_end().starts_with("HTTP/1.1 408 "));
  client.reset();
  EXPECT_TRUE(ask(fixture->port(), TLS1_3_VERSION).shaken);
}

TEST_F(ServerTlsTest, LetsAClientReadTheAnswerThatCutsItsBody) {
  const auto fixture = start();
  TlsClient client(fixture->port());
  ASSERT_TRUE(client.send("POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.send(std::string(10'000, 'x'))) << i;
  EXPECT_TRUE(client.read_to_end().starts_with("HTTP/1.1 413 "));
  EXPECT_TRUE(client.ends_cleanly());
}

TEST_F(ServerTlsTest, TakesANewCertificateWithoutAStop) {
  const auto fixture = start();
  EXPECT_EQ(ask(fixture->port(), TLS1_3_VERSION).serial, 1);
  write_pair(files_, 2);
  ASSERT_TRUE(fixture->server().reload_tls());
  EXPECT_EQ(ask(fixture->port(), TLS1_3_VERSION).serial, 2);
}

TEST_F(ServerTlsTest, KeepsTheOldCertificateWhenTheNewOneIsNotGood) {
  const auto fixture = start();
  std::FILE* out = std::fopen(files_.certificate.c_str(), "w");
  std::fputs("not a certificate", out);
  std::fclose(out);
  const auto reloaded = fixture->server().reload_tls();
  ASSERT_FALSE(reloaded);
  EXPECT_EQ(reloaded.error().code(), ErrorCode::tls_files);
  EXPECT_EQ(ask(fixture->port(), TLS1_3_VERSION).serial, 1);
}

TEST_F(ServerTlsTest, RefusesAKeyThatOthersCanRead) {
  ::chmod(files_.key.c_str(), 0644);
  const testing::FakeClock clock;
  const auto server = Server::start(
      {{.address = "127.0.0.1", .port = 0, .unix_path = {}, .unix_mode = 0600, .tls = files_}},
      [](const Request&, const Respond&) {},
      [](const Error&, const Peer&, const Correlation&) { return Response(); }, clock);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code(), ErrorCode::secret_file_mode);
}

}  // namespace
}  // namespace vigie::api
