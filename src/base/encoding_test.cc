#include "base/encoding.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(Base64, MatchesTheRfcVectors) {
  EXPECT_EQ(base64_encode(as_bytes("")), "");
  EXPECT_EQ(base64_encode(as_bytes("f")), "Zg==");
  EXPECT_EQ(base64_encode(as_bytes("fo")), "Zm8=");
  EXPECT_EQ(base64_encode(as_bytes("foobar")), "Zm9vYmFy");
}
TEST(Percent, RoundTrips) {
  EXPECT_EQ(*percent_decode(percent_encode("a b/é%")), "a b/é%");
}
TEST(Percent, RefusesHalfAnEscape) {
  EXPECT_FALSE(percent_decode("%4"));
  EXPECT_FALSE(percent_decode("%zz"));
}
TEST(Utf8, RefusesOverlongSurrogatesAndBeyond) {
  EXPECT_TRUE(is_utf8("aé€😀"));
  for (const char* text : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    EXPECT_FALSE(is_utf8(text));
}
TEST(Printable, EscapesControlsAndCuts) {
  EXPECT_EQ(printable("a\x1b[0m\xff é"), "a\\x1b[0m\\xff é");
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

}  // namespace
}  // namespace vigie
