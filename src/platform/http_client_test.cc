#include "platform/http_client.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/http_imposter.h"

namespace vigie::platform {
namespace {

using testing::HttpImposter;
using namespace std::chrono_literals;

MonoTime in(std::chrono::milliseconds time) {
  return MonoTime::clock::now() + time;
}

HttpRequest request_to(std::string url) {
  HttpRequest request;
  request.name = "ping of nightly";
  request.url = Secret(std::move(url));
  return request;
}

Result<HttpAnswer> send(const HttpRequest& request, MonoTime deadline = in(20s),
                        std::stop_token stop = {}) {
  return make_http_client()->send(request, deadline, std::move(stop));
}

TEST(HttpClientTest, GivesStatusAndBody) {
  HttpImposter peer([](const std::string&) { return HttpImposter::response(418, "short"); });
  const auto answer = send(request_to(peer.url("/a?b=c")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 418);
  EXPECT_EQ(answer->body, "short");
  EXPECT_TRUE(peer.requests().at(0).starts_with("GET /a?b=c HTTP/1.1\r\n"));
}

TEST(HttpClientTest, PostsABodyWithHeadersAndWithoutExpect) {
  HttpImposter peer([](const std::string&) { return HttpImposter::response(200, ""); });
  HttpRequest request = request_to(peer.url());
  request.method = "POST";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = std::string(5000, 'x');
  ASSERT_TRUE(send(request));
  const std::string got = peer.requests().at(0);
  EXPECT_TRUE(got.starts_with("POST / "));
  EXPECT_NE(got.find("Content-Type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(got.find("Expect:"), std::string::npos);
  EXPECT_TRUE(got.ends_with("\r\n\r\n" + request.body));
}

TEST(HttpClientTest, GivesTheHeadersOfTheAnswer) {
  HttpImposter peer(
      [](const std::string&) { return HttpImposter::response(200, "", "ETag:  \"a:b\" \r\n"); });
  const auto answer = send(request_to(peer.url()));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header("etag"), "\"a:b\"");
  EXPECT_EQ(answer->header("content-length"), "0");
  EXPECT_EQ(answer->header("location"), "");
}

TEST(HttpClientTest, OfARedirectOnlyTheLastHeadersCount) {
  HttpImposter peer([&](const std::string& request) {
    return request.starts_with("GET /a ")
               ? HttpImposter::response(302, "", "Location: /b\r\nX-First: 1\r\n")
               : HttpImposter::response(200, "", "X-Second: 2\r\n");
  });
  const auto answer = send(request_to(peer.url("/a")));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->header("x-first"), "");
  EXPECT_EQ(answer->header("x-second"), "2");
}

TEST(HttpClientTest, SendsASharedBodyInPlaceOfItsOwn) {
  HttpImposter peer([](const std::string&) { return HttpImposter::response(200, ""); });
  HttpRequest request = request_to(peer.url());
  request.method = "PUT";
  request.body = "not this";
  request.shared_body = std::make_shared<const std::string>(size_t{3} << 20, 'x');
  ASSERT_TRUE(send(request));
  EXPECT_TRUE(peer.requests().at(0).ends_with("\r\n\r\n" + *request.shared_body));
}

TEST(HttpClientTest, APeerThatMovesNoByteIsUnreachable) {
  HttpImposter peer([](const std::string&) { return ""; });
  HttpRequest request = request_to(peer.url());
  request.stalled_after = 1s;
  const auto answer = send(request);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::peer_unreachable);
}

TEST(HttpClientTest, GivesUpAPeerThatNeverAnswers) {
  HttpImposter peer([](const std::string&) { return ""; });
  const auto began = MonoTime::clock::now();
  const auto answer = send(request_to(peer.url()), in(100ms));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_LT(MonoTime::clock::now() - began, 5s);
}

TEST(HttpClientTest, AStopEndsIt) {
  std::stop_source source;
  HttpImposter peer([&](const std::string&) { return source.request_stop(), ""; });
  const auto answer = send(request_to(peer.url()), in(60s), source.get_token());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::cancelled);
}

TEST(HttpClientTest, RefusesAnAnswerThatIsTooLong) {
  HttpImposter peer(
      [](const std::string&) { return HttpImposter::response(200, std::string(100000, 'x')); });
  HttpRequest request = request_to(peer.url());
  request.max_answer = 10_KiB;
  EXPECT_EQ(send(request).error().code(), ErrorCode::limit_exceeded);
}

TEST(HttpClientTest, RefusesHeadersWithoutEnd) {
  HttpImposter peer([](const std::string&) {
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += "X-Y: " + std::string(50, 'y') + "\r\n";
    return HttpImposter::response(200, "", lines);
  });
  EXPECT_EQ(send(request_to(peer.url())).error().code(), ErrorCode::limit_exceeded);
}

TEST(HttpClientTest, FollowsARedirectButNeverToAFile) {
  HttpImposter end([](const std::string&) { return HttpImposter::response(200, "there"); });
  HttpImposter good([&](const std::string&) {
    return HttpImposter::response(302, "", "Location: " + end.url() + "\r\n");
  });
  EXPECT_EQ(send(request_to(good.url()))->body, "there");
  HttpImposter bad([](const std::string&) {
    return HttpImposter::response(302, "", "Location: file:///etc/passwd\r\n");
  });
  EXPECT_EQ(send(request_to(bad.url())).error().code(), ErrorCode::http_invalid_parameter);
}

TEST(HttpClientTest, GivesUpARedirectWithoutEnd) {
  HttpImposter peer(
      [](const std::string&) { return HttpImposter::response(302, "", "Location: /again\r\n"); });
  EXPECT_EQ(send(request_to(peer.url())).error().code(), ErrorCode::peer_unreachable);
  EXPECT_EQ(peer.requests().size(), 4U);
}

TEST(HttpClientTest, RefusesOtherSchemesAndLineBreaks) {
  EXPECT_EQ(send(request_to("file:///etc/passwd")).error().code(),
            ErrorCode::http_invalid_parameter);
  EXPECT_EQ(send(request_to("gopher://127.0.0.1/")).error().code(),
            ErrorCode::http_invalid_parameter);
  HttpRequest request = request_to("http://127.0.0.1/");
  request.headers = {{"X", "a\r\nY: b"}};
  EXPECT_EQ(send(request).error().code(), ErrorCode::http_invalid_parameter);
}

TEST(HttpClientTest, ADeleteTakesItsBodyAlong) {
  HttpImposter peer([](const std::string&) { return HttpImposter::response(200, "gone"); });
  HttpRequest request = request_to(peer.url());
  request.method = "DELETE";
  request.body = "{\"reason\":\"done\"}";
  ASSERT_EQ(send(request)->body, "gone");
  ASSERT_EQ(peer.requests().size(), 1U);
  EXPECT_EQ(peer.requests()[0].find("DELETE "), 0U);
  EXPECT_NE(peer.requests()[0].find("\r\n\r\n" + request.body), std::string::npos);
}

TEST(HttpClientTest, AnErrorDoesNotHoldTheUrl) {
  const auto answer = send(request_to("http://127.0.0.1:1/token-hunter2"));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code(), ErrorCode::peer_unreachable);
  EXPECT_EQ(answer.error().detail(Audience::operators).find("hunter2"), std::string::npos);
}

TEST(HttpClientTest, ManyThreadsSendAtOnce) {
  HttpImposter peer([](const std::string&) { return HttpImposter::response(200, "ok"); });
  const auto client = make_http_client();
  std::vector<std::jthread> threads;
  threads.reserve(8);
  std::atomic<int> good = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto answer = client->send(request_to(peer.url()), in(20s), {});
      if (answer && answer->body == "ok") ++good;
    });
  }
  threads.clear();
  EXPECT_EQ(good, 8);
}

}  // namespace
}  // namespace vigie::platform
