// The examples of "Authenticating Requests: Using the Authorization Header (AWS Signature Version
// 4)" in Amazon's documentation of S3.
#include "store/s3/signature.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/hash.h"

namespace vigie::store::s3 {
namespace {

using namespace std::chrono_literals;

const SystemTime kThen = SystemTime(std::chrono::sys_days(std::chrono::year(2013) / 5 / 24));

Credentials example_key() {
  return {"AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")};
}

Unsigned request(std::string method, std::string path) {
  Unsigned out;
  out.method = std::move(method);
  out.host = "examplebucket.s3.amazonaws.com";
  out.path = std::move(path);
  out.payload_sha256 = sha256_hex("");
  out.region = "us-east-1";
  return out;
}

std::string header(const Headers& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, [](const auto& h) { return h.first; });
  return found == headers.end() ? "" : found->second;
}

std::string signature(const Headers& headers) {
  const std::string text = header(headers, "authorization");
  return text.substr(text.find("Signature=") + 10);
}

TEST(Signature, OfAGetWithARange) {
  Unsigned get = request("GET", "/test.txt");
  get.headers = {{"range", "bytes=0-9"}};
  const auto headers = signed_headers(get, example_key(), kThen);
  EXPECT_EQ(header(headers, "authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(Signature, OfAPutWhoseKeyIsEncoded) {
  Unsigned put = request("PUT", encoded_path("/test$file.text"));
  put.headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  put.payload_sha256 = sha256_hex("Welcome to Amazon S3.");
  EXPECT_EQ(signature(signed_headers(put, example_key(), kThen)),
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(Signature, OfAQueryWithoutAValue) {
  Unsigned get = request("GET", "/");
  get.query = {{"lifecycle", ""}};
  EXPECT_EQ(signature(signed_headers(get, example_key(), kThen)),
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST(Signature, OfAListOfObjects) {
  Unsigned get = request("GET", "/");
  get.query = {{"max-keys", "2"}, {"prefix", "J"}};
  EXPECT_EQ(signature(signed_headers(get, example_key(), kThen)),
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Signature, ASessionTokenIsSignedToo) {
  Credentials key = example_key();
  key.session_token = Secret("the-token");
  const auto headers = signed_headers(request("GET", "/"), key, kThen);
  EXPECT_EQ(header(headers, "x-amz-security-token"), "the-token");
  EXPECT_NE(header(headers, "authorization").find(";x-amz-security-token,"), std::string::npos);
}

TEST(Signature, TheSecretIsInNoHeader) {
  const auto headers = signed_headers(request("GET", "/"), example_key(), kThen);
  for (const auto& [name, value] : headers)
    EXPECT_EQ(value.find("wJalrXUtnFEMI"), std::string::npos) << name;
}

TEST(Encoding, OfAQueryIsSortedAndEncodesTheSlash) {
  EXPECT_EQ(encoded_query({{"prefix", "a/b=c"}, {"list-type", "2"}, {"uploads", ""}}),
            "list-type=2&prefix=a%2Fb%3Dc&uploads=");
}

TEST(Encoding, OfAKeyKeepsTheSlashAndNothingElse) {
  EXPECT_EQ(encoded_path("a b/c=d:e+f~g_h-i.j"), "a%20b/c%3Dd%3Ae%2Bf~g_h-i.j");
}

}  // namespace
}  // namespace vigie::store::s3
