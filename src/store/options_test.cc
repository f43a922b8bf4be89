#include "store/options.h"

#include <gtest/gtest.h>

namespace vigie::store {
namespace {

TEST(S3Endpoint, IsASchemeAndAnAuthority) {
  EXPECT_EQ(*s3_endpoint("https://S3.Example.org"), "https://s3.example.org");
  EXPECT_EQ(*s3_endpoint("https://s3.example.org/"), "https://s3.example.org");
  EXPECT_EQ(*s3_endpoint("http://10.0.0.5:9000"), "http://10.0.0.5:9000");
  EXPECT_EQ(*s3_endpoint("https://[2001:db8::1]:9000"), "https://[2001:db8::1]:9000");
}

// As the Host header has it, which is signed.
TEST(S3Endpoint, LosesThePortThatTheSchemeHasAnyway) {
  EXPECT_EQ(*s3_endpoint("https://s3.example.org:443"), "https://s3.example.org");
  EXPECT_EQ(*s3_endpoint("http://s3.example.org:80"), "http://s3.example.org");
  EXPECT_EQ(*s3_endpoint("http://s3.example.org:443"), "http://s3.example.org:443");
}

TEST(S3Endpoint, IsNothingElse) {
  for (const char* text :
       {"", "s3.example.org", "ftp://s3.example.org", "https://", "https://a/b", "https://u:p@a",
        "https://a?b", "https://a:", "https://a:0", "https://a:70000", "https://a:b", "https://a b",
        "https://[", "https://[]", "https://[::1", "https://a]", "https://[::1]x"})
    EXPECT_FALSE(s3_endpoint(text)) << text;
}

TEST(S3Endpoint, IsInTheClearWhenOthersCanReadIt) {
  EXPECT_TRUE(is_in_the_clear("http://s3.example.org"));
  EXPECT_TRUE(is_in_the_clear("http://127.0.0.1.example.org:80"));
  EXPECT_FALSE(is_in_the_clear("https://s3.example.org"));
  for (const char* own : {"http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"})
    EXPECT_FALSE(is_in_the_clear(own)) << own;
}

TEST(BucketName, IsAsS3HasIt) {
  EXPECT_TRUE(is_bucket_name("backups.example-1"));
  for (const char* text : {"", "ab", "Backups", "-abc", "abc-", "a..b", "a_b", "a/b"})
    EXPECT_FALSE(is_bucket_name(text)) << text;
}

TEST(KeyPrefix, IsNamesWithASlashBetweenThem) {
  EXPECT_TRUE(is_key_prefix("vigie"));
  EXPECT_TRUE(is_key_prefix("team-a/vigie_1.x"));
  for (const char* text : {"", "/a", "a/", "a//b", ".", "a/../b", "a b", "a?b", "a%2Fb"})
    EXPECT_FALSE(is_key_prefix(text)) << text;
}

StoreOptions bucket(const std::string& endpoint, const std::string& more = "") {
  const std::string text = "type: s3\nendpoint: " + endpoint +
                           "\nbucket: backups\ncredentials_file: /etc/vigie/s3\n" + more;
  Problems problems("vigie.yaml");
  const auto node = yaml::parse(text, problems);
  EXPECT_TRUE(node);
  return StoreOptions::parse("offsite", {"offsite", {}, *node}, problems);
}

// Behind a tunnel it may be elsewhere all the same: whoever knows says so.
TEST(Bucket, LiesOffTheHostUnlessItsEndpointIsThisHost) {
  EXPECT_TRUE(bucket("https://s3.example.org").off_host);
  for (const char* own : {"http://127.0.0.1:9000", "http://localhost:9000", "http://[::1]:9000"}) {
    EXPECT_FALSE(bucket(own).off_host) << own;
    EXPECT_TRUE(bucket(own, "off_host: true\n").off_host) << own;
  }
}

}  // namespace
}  // namespace vigie::store
