#include "base/json.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(Json, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_FALSE(parse_json(R"({"a":1,"a":2})"));
  EXPECT_FALSE(parse_json(R"([{"x":{"a":1,"b":2,"\u0061":3}}])"));
  EXPECT_TRUE(parse_json(R"([{"a":1},{"a":2}])"));
}
TEST(Json, RefusesDepthSizeAndTrailingText) {
  EXPECT_FALSE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(parse_json("[1,2,3]", {.max_bytes = 3}));
  EXPECT_FALSE(parse_json("1 2"));
  EXPECT_FALSE(parse_json(""));
}

// RFC 8785, appendix B and section 3.2.2.
TEST(CanonicalJson, WritesNumbersAsEcmaScript) {
  EXPECT_EQ(canonical_json(*parse_json(
                "[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,1e21,1e-7]")),
            "[333333333.3333333,1e+30,4.5,0.002,1e-27,1e+21,1e-7]");
}
TEST(CanonicalJson, SortsKeysByUtf16CodeUnits) {
  EXPECT_EQ(
      canonical_json(*parse_json(
          "{\"\\u20ac\":1,\"\\r\":2,\"\\ufb33\":3,\"1\":4,\"\\ud83d\\ude00\":5,\"\\u0080\":6}")),
      "{\"\\r\":2,\"1\":4,\"\xc2\x80\":6,\"€\":1,\"😀\":5,\"\xef\xac\xb3\":3}");
}
TEST(JsonText, KeepsTheOrderOfKeys) {
  EXPECT_EQ(json_text(*parse_json("{\"b\":0.5,\"a\":[1,{\"d\":2,\"c\":null}]}")),
            "{\"b\":0.5,\"a\":[1,{\"d\":2,\"c\":null}]}");
}
TEST(CanonicalObject, WritesWhatTheWholeValueWouldBe) {
  const auto whole = *parse_json(R"({"c":"x","a":[{"n":2},{"n":1}],"b":[],"d":{"z":0,"y":null}})");
  CanonicalObject pieces(0);
  pieces.put_each("a", std::vector{2, 1}, [](int n) { return json::object{{"n", n}}; });
  pieces.put_each("b", std::vector<int>(), [](int n) { return json::value(n); });
  pieces.put("c", "x");
  pieces.put("d", whole.at("d"));
  EXPECT_EQ(std::move(pieces).finish(), canonical_json(whole));
  EXPECT_EQ(CanonicalObject(0).finish(), canonical_json(json::object()));
}
TEST(CanonicalObjectDeath, TakesNoKeyOutOfOrderOrTwice) {
  CanonicalObject object(0);
  object.put("b", 1);
  EXPECT_DEATH(object.put("a", 1), "");
  EXPECT_DEATH(object.put("b", 1), "");
}
TEST(CanonicalJson, EscapesOnlyWhatItMust) {
  EXPECT_EQ(canonical_json(json::value("\x01\n\"\\/é")), "\"\\u0001\\n\\\"\\\\/é\"");
}

}  // namespace
}  // namespace vigie
