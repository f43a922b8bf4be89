// The engine over real sockets, with a handler that is not Vigie's.
#include "api/server.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "platform/descriptor.h"
#include "tests/support/contents.h"
#include "tests/support/fake_clock.h"
#include "tests/support/raw_http.h"
#include "tests/support/temp_folder.h"

namespace vigie::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeClock;
using testing::RawClient;

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

Response echo(const Request& request) {
  Response response;
  response.content_type = "text/plain";
  response.body = request.method + " " + request.target + " " + request.body;
  return response;
}

Response refuse(const Error& error, const Peer&, const Correlation&) {
  Response response;
  response.status = error.info().http_status;
  response.body = std::string(error.info().name);
  return response;
}

class ServerTest : public ::testing::Test {
 protected:
  void start(Handler handler) {
    limits_.sweep_every = milliseconds(2);
    server_ =
        Server::start(
            {{.address = "127.0.0.1", .port = 0, .unix_path = {}, .tls = {}},
             {.address = {}, .port = 0, .unix_path = socket(), .trusts_peer = true, .tls = {}}},
            std::move(handler), refuse, clock_, limits_)
            .value();
  }
  void start() {
    start([](const Request& request, const Respond& respond) { respond(echo(request)); });
  }
  Result<std::unique_ptr<Server>> start_on_socket() {
    return Server::start(
        {{.address = {}, .port = 0, .unix_path = socket(), .tls = {}}},
        [](const Request&, const Respond&) {}, refuse, clock_);
  }
  RawClient connect() { return RawClient::connect_tcp(server_->ports().at(0)); }
  platform::Path socket() const { return folder_ / "s.sock"; }

  testing::TempFolder folder_;
  FakeClock clock_;
  EngineLimits limits_;
  std::unique_ptr<Server> server_;
};

// What a process leaves that was killed.
void leave_dead_socket(const platform::Path& path) {
  const platform::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  const auto* plain = reinterpret_cast<const sockaddr*>(&address);
  ASSERT_EQ(::bind(socket.get(), plain, sizeof(address)), 0);
  ASSERT_EQ(::listen(socket.get(), 1), 0);
}

TEST_F(ServerTest, AnswersEachMalformedRequestAndCloses) {
  start();
  for (const auto& entry :
       std::filesystem::directory_iterator(VIGIE_SOURCE_DIR "/tests/corpora/http")) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with('4') && !name.starts_with('5')) continue;
    auto client = connect();
    client.send(testing::contents(entry.path()));
    const auto answer = client.read_answer();
    ASSERT_TRUE(answer) << name;
    EXPECT_EQ(answer->status, std::stoi(name.substr(0, 3))) << name;
    EXPECT_EQ(answer->header("connection"), "close") << name;
    EXPECT_TRUE(client.closes()) << name;
  }
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  std::vector<Respond> waiting;
  std::promise<void> first_waits;
  std::atomic<int> count{0};
  start([&](const Request& request, const Respond& respond) {
    if (++count == 1) {
      waiting.push_back(respond);
      return first_waits.set_value();
    }
    respond(echo(request));
  });
  auto client = connect();
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  first_waits.get_future().wait();
  EXPECT_EQ(count, 1);
  Response late;
  late.body = "late";
  waiting[0](late);
  EXPECT_EQ(client.read_answer()->body, "late");
  EXPECT_EQ(client.read_answer()->body, "GET /2 ");
}

TEST_F(ServerTest, NeverReadsASmuggledRequest) {
  std::atomic<int> count{0};
  start([&](const Request& request, const Respond& respond) {
    ++count;
    respond(echo(request));
  });
  auto client = connect();
  client.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer()->status, 400);
  EXPECT_TRUE(client.closes());
  EXPECT_EQ(count, 0);
  EXPECT_EQ(server_->stats().refused, 1u);
}

TEST_F(ServerTest, CutsAClientThatDripsAByteAtATime) {
  start();
  auto client = connect();
  client.send("GET /a HTTP/1.1\r\n");
  for (int i = 0; i < 9; ++i) {
    client.send("X");
    ASSERT_TRUE(client.stays_silent(10)) << i;
    clock_.advance(seconds(1));
  }
  clock_.advance(seconds(1));
  const auto answer = client.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 408);
  EXPECT_TRUE(client.closes());
  EXPECT_EQ(server_->stats().timed_out, 1u);
  EXPECT_EQ(server_->stats().refused, 0u);
}

TEST_F(ServerTest, ClosesAnIdleConnectionWithoutAWord) {
  start();
  auto client = connect();
  client.send(kGet);
  ASSERT_EQ(client.read_answer()->status, 200);
  ASSERT_TRUE(client.stays_silent(20));
  clock_.advance(limits_.idle);
  EXPECT_TRUE(client.closes());
}

TEST_F(ServerTest, AnswersForAHandlerThatDoesNot) {
  std::promise<void> asked;
  start([&](const Request&, const Respond&) { asked.set_value(); });
  auto client = connect();
  client.send(kGet);
  asked.get_future().wait();
  clock_.advance(limits_.answer_deadline);
  EXPECT_EQ(client.read_answer()->status, 504);
  EXPECT_TRUE(client.closes());
  EXPECT_EQ(server_->stats().timed_out, 1u);
  EXPECT_EQ(server_->stats().refused, 0u);
}

TEST_F(ServerTest, IgnoresAnAnswerThatComesTwiceOrTooLate) {
  std::vector<Respond> kept;
  std::mutex mutex;
  start([&](const Request& request, const Respond& respond) {
    const std::lock_guard lock(mutex);
    kept.push_back(respond);
    respond(echo(request));
    respond(Response{.status = 500, .content_type = {}, .headers = {}, .body = "twice"});
  });
  auto client = connect();
  client.send(kGet);
  EXPECT_EQ(client.read_answer()->body, "GET /a ");
  client.send(kGet);
  EXPECT_EQ(client.read_answer()->body, "GET /a ");
  server_.reset();
  for (const auto& respond : kept) respond(Response{});
}

TEST_F(ServerTest, AnswersFromAnotherThread) {
  start([](const Request& request, const Respond& respond) {
    std::thread([response = echo(request), respond] { respond(response); }).detach();
  });
  auto client = connect();
  for (int i = 0; i < 20; ++i) {
    client.send(kGet);
    ASSERT_EQ(client.read_answer()->body, "GET /a ");
  }
}

TEST_F(ServerTest, AsksForTheBodyOfAClientThatWaitsForIt) {
  start();
  auto client = connect();
  client.send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_answer()->status, 100);
  client.send("{}");
  EXPECT_EQ(client.read_answer()->body, "POST /a {}");
}

TEST_F(ServerTest, RefusesATooLargeBodyWithoutAskingForIt) {
  start();
  auto client = connect();
  client.send(
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_answer()->status, 413);
  EXPECT_TRUE(client.closes());
}

TEST_F(ServerTest, AnswersHeadWithoutABody) {
  start();
  auto client = connect();
  client.send("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  client.send(kGet);
  EXPECT_EQ(client.read_answer(true)->header("content-length"), "8");
  EXPECT_EQ(client.read_answer()->body, "GET /a ");
}

TEST_F(ServerTest, ClosesAfterHttp10UnlessAskedToStay) {
  start();
  auto stays = connect();
  stays.send("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(stays.read_answer()->header("connection"), "keep-alive");
  EXPECT_TRUE(stays.stays_silent(20));
  auto goes = connect();
  goes.send("GET /a HTTP/1.0\r\n\r\n");
  EXPECT_EQ(goes.read_answer()->status, 200);
  EXPECT_TRUE(goes.closes());
}

TEST_F(ServerTest, WritesALargeAnswerWhole) {
  const std::string large(3 << 20, 'x');
  start([&](const Request&, const Respond& respond) {
    respond(Response{.status = 200, .content_type = "text/plain", .headers = {}, .body = large});
  });
  auto client = connect();
  client.send(kGet);
  EXPECT_EQ(client.read_answer()->body, large);
}

TEST_F(ServerTest, CutsAClientThatDoesNotReadItsAnswer) {
  std::promise<void> answered;
  start([&](const Request&, const Respond& respond) {
    respond(Response{.status = 200,
                     .content_type = "text/plain",
                     .headers = {},
                     .body = std::string(64 << 20, 'x')});
    answered.set_value();
  });
  auto client = connect();
  client.send(kGet);
  answered.get_future().wait();
  clock_.advance(limits_.write_deadline);
  EXPECT_FALSE(client.read_answer());
}

TEST_F(ServerTest, LeavesOutAHeaderThatWouldSplitTheAnswer) {
  start([](const Request&, const Respond& respond) {
    respond(Response{.status = 200,
                     .content_type = "text/plain",
                     .headers = {{"X-Bad", "a\r\nX-Injected: b"}, {"X-Good", "c"}},
                     .body = {}});
  });
  auto client = connect();
  client.send(kGet);
  const auto answer = client.read_answer();
  EXPECT_EQ(answer->header("x-injected"), "");
  EXPECT_EQ(answer->header("x-good"), "c");
}

TEST_F(ServerTest, PrefersANewConnectionToTheLongestIdleOne) {
  limits_.connections = 2;
  start();
  const auto ask = [](RawClient& client) {
    client.send(kGet);
    const auto answer = client.read_answer();
    return answer ? answer->status : 0;
  };
  auto oldest = connect();
  ASSERT_EQ(ask(oldest), 200);
  auto younger = connect();
  ASSERT_EQ(ask(younger), 200);  // by then the loop knows that the oldest has nothing to do
  clock_.advance(seconds(1));
  ASSERT_EQ(ask(younger), 200);
  auto newest = connect();
  EXPECT_EQ(ask(newest), 200);
  EXPECT_TRUE(oldest.closes());
  EXPECT_TRUE(younger.stays_silent(20));
}

TEST_F(ServerTest, SaysThatThereIsNoRoomWhenNobodyIsIdle) {
  limits_.connections = 1;
  std::promise<void> asked;
  start([&](const Request&, const Respond&) { asked.set_value(); });
  auto busy = connect();
  busy.send(kGet);
  asked.get_future().wait();
  auto late = connect();
  const auto answer = late.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_TRUE(late.closes());
  EXPECT_EQ(server_->stats().over_cap, 1u);
  EXPECT_EQ(server_->stats().refused, 0u);
}

TEST_F(ServerTest, LetsTheOperatorInWhenTheNetworkHasTakenAllRoom) {
  limits_.connections = 1;
  std::promise<void> asked;
  start([&](const Request& request, const Respond& respond) {
    if (request.peer.unix_socket) return respond(echo(request));
    asked.set_value();
  });
  auto busy = connect();
  busy.send(kGet);
  asked.get_future().wait();
  auto operator_client = RawClient::connect_unix(socket());
  operator_client.send(kGet);
  EXPECT_EQ(operator_client.read_answer()->status, 200);
}

TEST_F(ServerTest, TellsWhoIsOnTheUnixSocket) {
  start([](const Request& request, const Respond& respond) {
    respond(Response{.status = 200,
                     .content_type = "text/plain",
                     .headers = {},
                     .body = std::to_string(request.peer.uid)});
  });
  auto client = RawClient::connect_unix(socket());
  client.send(kGet);
  EXPECT_EQ(client.read_answer()->body, std::to_string(::geteuid()));
}

TEST(ReserveDescriptors, SaysHowManyConnectionsTheHardLimitAllows) {
  const auto in_a_process_of_few_files = [] {
    const rlimit few{600, 600};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) std::_Exit(2);
    const EngineLimits limits{.connections = 1000};
    const size_t beside = 1000 / 8 + limits.trusted_connections + 128;
    std::_Exit(reserve_descriptors(limits) == 600 - beside ? 0 : 1);
  };
  EXPECT_EXIT(in_a_process_of_few_files(), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(reserve_descriptors({.connections = 10}), 10u);
}

TEST_F(ServerTest, TakesThePlaceOfADeadSocketAndRemovesItsOwn) {
  leave_dead_socket(socket());
  start();
  struct stat status {};
  ASSERT_EQ(::stat(socket().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
  server_.reset();
  EXPECT_FALSE(std::filesystem::exists(socket()));
}

TEST_F(ServerTest, LeavesALivingSocketToItsServer) {
  start();
  const auto second = start_on_socket();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::listen_failed);
  EXPECT_EQ(second.error().parameter("reason"), "another process listens there");
  auto client = RawClient::connect_unix(socket());
  client.send(kGet);
  EXPECT_EQ(client.read_answer()->status, 200);
}

TEST_F(ServerTest, LeavesAFileAloneThatIsNotASocket) {
  std::ofstream(socket()) << "mine";
  const auto server = start_on_socket();
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().parameter("reason"), "what is there is not a socket");
  EXPECT_EQ(testing::contents(socket()), "mine");
}

TEST_F(ServerTest, RefusesToListenTwiceOnOnePort) {
  start();
  const auto second = Server::start(
      {{.address = "127.0.0.1", .port = server_->ports()[0], .unix_path = {}, .tls = {}}},
      [](const Request&, const Respond&) {}, refuse, clock_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::listen_failed);
}

TEST_F(ServerTest, GivesTheAnswerUnderWayBeforeItStops) {
  std::promise<Respond> asked;
  start([&](const Request&, const Respond& respond) { asked.set_value(respond); });
  auto client = connect();
  client.send(kGet);
  const auto respond = asked.get_future().get();
  std::jthread stopper([&] { server_.reset(); });
  respond(Response{.status = 200, .content_type = {}, .headers = {}, .body = "last"});
  const auto answer = client.read_answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->body, "last");
}

}  // namespace
}  // namespace vigie::api
