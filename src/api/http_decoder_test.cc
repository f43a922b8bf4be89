#include "api/http_decoder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/contents.h"

namespace vigie::api {
namespace {

constexpr HeadLimits kLimits;
constexpr size_t kBodyLimit = 64 << 10;

Decoder make_decoder() {
  return Decoder(kLimits, kBodyLimit);
}

struct Outcome {
  int status = 0;  // 200: a request; 0: more must come; else the error's
  Request request;
  size_t taken = 0;
};

// Gives the bytes as a connection does, `step` at a time.
Outcome decode(std::string_view bytes, size_t step) {
  auto decoder = make_decoder();
  std::string buffer;
  Outcome outcome;
  for (size_t at = 0; at < bytes.size() && !decoder.ready(); at += step) {
    buffer.append(bytes.substr(at, step));
    const auto taken = decoder.feed(buffer);
    if (!taken) {
      outcome.status = taken.error().info().http_status;
      return outcome;
    }
    outcome.taken += *taken;
    buffer.erase(0, *taken);
  }
  if (!decoder.ready()) return outcome;
  outcome.status = 200;
  outcome.request = decoder.take();
  return outcome;
}

std::vector<std::filesystem::path> corpus() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(VIGIE_SOURCE_DIR "/tests/corpora/http"))
    if (entry.path().extension() == ".raw") files.push_back(entry.path());
  return files;
}

int expected_status(const std::filesystem::path& path) {
  return std::stoi(path.filename().string().substr(0, 3));
}

TEST(HttpDecoder, GivesEachRequestOfTheCorpusTheStatusThatItsNameSays) {
  const auto files = corpus();
  ASSERT_GE(files.size(), 100u);
  for (const auto& path : files)
    EXPECT_EQ(decode(testing::contents(path), 1 << 20).status, expected_status(path))
        << path.filename();
}

TEST(HttpDecoder, ComesToTheSameByteByByte) {
  for (const auto& path : corpus())
    EXPECT_EQ(decode(testing::contents(path), 1).status, expected_status(path)) << path.filename();
}

TEST(HttpDecoder, KeepsWhatBelongsToTheNextRequest) {
  const std::string one = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
  const auto outcome = decode(one + "GET /b", 1 << 20);
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.taken, one.size());
}

TEST(HttpDecoder, JoinsChunks) {
  const auto outcome = decode(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
      7);
  EXPECT_EQ(outcome.request.body, "abcde");
}

TEST(HttpDecoder, DecodesPathAndQuery) {
  const auto outcome = decode("GET /v1/a%2Fb/c?x=1+2&y=%C3%A9&z HTTP/1.1\r\nHost: x\r\n\r\n", 1000);
  EXPECT_EQ(outcome.request.path, (std::vector<std::string>{"v1", "a/b", "c"}));
  const std::vector<std::pair<std::string, std::string>> query = {
      {"x", "1 2"}, {"y", "\xC3\xA9"}, {"z", ""}};
  EXPECT_EQ(outcome.request.query, query);
}

TEST(HttpDecoder, ReadsTwoRequestsOneAfterTheOther) {
  auto decoder = make_decoder();
  std::string bytes =
      "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.0\r\n\r\n";
  const auto first = decoder.feed(bytes);
  ASSERT_TRUE(first && decoder.ready());
  EXPECT_EQ(decoder.take().body, "abc");
  EXPECT_TRUE(decoder.keep_alive());
  const auto second = decoder.feed(std::string_view(bytes).substr(*first));
  ASSERT_TRUE(second && decoder.ready());
  EXPECT_EQ(decoder.take().path.at(0), "b");
  EXPECT_FALSE(decoder.keep_alive());
}

TEST(HttpDecoder, TellsOnceThatTheClientWaitsForTheContinue) {
  auto decoder = make_decoder();
  const auto taken = decoder.feed(
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(taken);
  EXPECT_TRUE(decoder.take_continue());
  EXPECT_FALSE(decoder.take_continue());
}

TEST(HttpDecoder, HeedsTheConnectionHeader) {
  const auto keeps = [](std::string_view head) {
    auto decoder = make_decoder();
    EXPECT_TRUE(decoder.feed(head));
    return decoder.keep_alive();
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  EXPECT_TRUE(keeps("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
}

TEST(HttpDecoder, AcceptsABodyOfExactlyTheLimit) {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(kBodyLimit) + "\r\n\r\n";
  EXPECT_EQ(decode(head + std::string(kBodyLimit, 'a'), 4096).request.body.size(), kBodyLimit);
}

}  // namespace
}  // namespace vigie::api
