#include "base/time.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339, WritesWholeSecondsWithoutFraction) {
  EXPECT_EQ(format_rfc3339(SystemTime(1s)), "1970-01-01T00:00:01Z");
}
TEST(Rfc3339, WritesMicroseconds) {
  EXPECT_EQ(format_rfc3339(SystemTime(1500ms)), "1970-01-01T00:00:01.500000Z");
}
TEST(Rfc3339, ReadsOffsets) {
  EXPECT_EQ(*parse_rfc3339("1970-01-01T02:00:01+02:00"), SystemTime(1s));
}
TEST(Rfc3339, CutsNanoseconds) {
  EXPECT_EQ(*parse_rfc3339("1970-01-01T00:00:00.123456789Z"), SystemTime(123456us));
}
TEST(Rfc3339, RefusesWhatIsNotATime) {
  for (const char* text :
       {"", "2026-02-30T00:00:00Z", "2026-11-20", "2026-11-20T24:00:00Z", "2026-11-20T00:00:00",
        "2026-11-20T00:00:00Zx", "2026-11-20T00:00:00.Z", "-026-11-20T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}
TEST(CompactTime, RoundTrips) {
  EXPECT_EQ(format_compact(*parse_compact("20261120T020000Z")), "20261120T020000Z");
}
TEST(CompactTime, RefusesSeparators) {
  EXPECT_FALSE(parse_compact("2026-11-20T02:00:00Z"));
}

TEST(DurationText, AddsUnits) {
  EXPECT_EQ(*parse_duration("1h30m"), Duration(90min));
}
TEST(DurationText, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "1", "h", "-1h", "1y", "99999999999999999999s", "1h 30m", "36525d1d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}
TEST(DurationText, RoundTrips) {
  EXPECT_EQ(format_duration(*parse_duration("1d2h3m4s5ms")), "1d2h3m4s5ms");
}

}  // namespace
}  // namespace vigie
