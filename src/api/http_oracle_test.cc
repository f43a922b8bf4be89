// Our reader of requests against Boost.Beast's, which is laxer: whatever ours accepts, Beast must
// accept too, and both must see the same request. A difference would be a smuggler's way in.
#include <gtest/gtest.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <filesystem>
#include <random>

#include "api/http_decoder.h"
#include "tests/support/contents.h"

namespace vigie::api {
namespace {

namespace http = boost::beast::http;

std::vector<std::string> corpus() {
  std::vector<std::string> all;
  for (const auto& entry :
       std::filesystem::directory_iterator(VIGIE_SOURCE_DIR "/tests/corpora/http"))
    if (entry.path().extension() == ".raw") all.push_back(testing::contents(entry.path()));
  std::ranges::sort(all);
  return all;
}

struct Seen {
  bool whole = false;
  std::string method, target, body;
  size_t taken = 0;
};

Seen ours(std::string_view bytes) {
  Decoder decoder({}, 64 << 10);
  const auto taken = decoder.feed(bytes);
  if (!taken || !decoder.ready()) return {};
  const auto request = decoder.take();
  return {true, request.method, request.target, request.body, *taken};
}

Seen beasts(std::string_view bytes) {
  http::request_parser<http::string_body> parser;
  parser.eager(true);
  parser.header_limit(32 << 10);
  parser.body_limit(64 << 10);
  Seen seen;
  // RFC 9112, 2.2: a server ignores an empty line before the request. Beast does not.
  if (bytes.starts_with("\r\n")) seen.taken = 2;
  while (seen.taken < bytes.size() && !parser.is_done()) {
    boost::system::error_code error;
    const auto rest = bytes.substr(seen.taken);
    const size_t taken = parser.put(boost::asio::buffer(rest), error);
    if (error || taken == 0) return {};
    seen.taken += taken;
  }
  if (!parser.is_done()) return {};
  const auto& message = parser.get();
  return {true, message.method_string(), message.target(), message.body(), seen.taken};
}

void expect_no_difference(const std::string& bytes, size_t& accepted) {
  const auto mine = ours(bytes);
  if (!mine.whole) return;
  ++accepted;
  const auto theirs = beasts(bytes);
  ASSERT_TRUE(theirs.whole) << bytes;
  EXPECT_EQ(mine.method, theirs.method) << bytes;
  EXPECT_EQ(mine.target, theirs.target) << bytes;
  EXPECT_EQ(mine.body, theirs.body) << bytes;
  EXPECT_EQ(mine.taken, theirs.taken) << bytes;
}

std::string mutate(const std::string& seed, const std::string& other, std::mt19937& random) {
  std::string bytes = seed;
  for (int changes = int(random() % 3) + 1; changes > 0 && !bytes.empty(); --changes) {
    const size_t at = random() % bytes.size();
    switch (random() % 4) {
      case 0:
        bytes[at] = char(random() % 256);
        break;
      case 1:
        bytes.erase(at, random() % 4 + 1);
        break;
      case 2:
        bytes.insert(at, 1, "\r\n :;,0chunked"[random() % 14]);
        break;
      default:
        bytes = bytes.substr(0, at) + other.substr(std::min(at, other.size()));
    }
  }
  return bytes;
}

TEST(HttpOracle, SeesTheCorpusAsBeastDoes) {
  size_t accepted = 0;
  for (const auto& bytes : corpus()) expect_no_difference(bytes, accepted);
  EXPECT_GE(accepted, 10u);
}

TEST(HttpOracle, SeesMutationsOfTheCorpusAsBeastDoes) {
  const auto seeds = corpus();
  std::mt19937 random(20261120);
  size_t accepted = 0;
  for (int i = 0; i < 60'000; ++i) {
    const auto& seed = seeds[random() % seeds.size()];
    if (seed.size() > 2000) continue;
    expect_no_difference(mutate(seed, seeds[random() % seeds.size()], random), accepted);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GE(accepted, 500u);
}

}  // namespace
}  // namespace vigie::api
