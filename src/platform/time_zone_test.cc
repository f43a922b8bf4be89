#include "platform/time_zone.h"

#include <gtest/gtest.h>

namespace vigie::platform {
namespace {

using namespace std::chrono;
using Kind = LocalMeaning::Kind;

TimeZone paris() {
  return *TimeZone::find("Europe/Paris");
}
LocalTime local(year_month_day date, minutes clock) {
  return LocalTime(local_days(date) + clock);
}

TEST(TimeZone, SummerAndWinter) {
  EXPECT_EQ(paris().to_local(sys_days(2026y / 7 / 1)), local(2026y / 7 / 1, 2h));
  EXPECT_EQ(paris().to_local(sys_days(2026y / 12 / 1)), local(2026y / 12 / 1, 1h));
}
TEST(TimeZone, MissingHourMeansTheInstantOfTheJump) {
  const LocalMeaning meaning = paris().to_sys(local(2026y / 3 / 29, 150min));
  EXPECT_EQ(meaning.kind, Kind::gap);
  EXPECT_EQ(meaning.first, SystemTime(sys_days(2026y / 3 / 29) + 1h));
}
TEST(TimeZone, HourThatComesTwiceMeansBoth) {
  const LocalMeaning meaning = paris().to_sys(local(2026y / 10 / 25, 150min));
  EXPECT_EQ(meaning.kind, Kind::overlap);
  EXPECT_EQ(meaning.first, SystemTime(sys_days(2026y / 10 / 25) + 30min));
  EXPECT_EQ(meaning.second, SystemTime(sys_days(2026y / 10 / 25) + 90min));
}
TEST(TimeZone, KeepsMicroseconds) {
  const SystemTime time = SystemTime(sys_days(2026y / 7 / 1)) + 1us;
  EXPECT_EQ(paris().to_sys(paris().to_local(time)).first, time);
}
TEST(TimeZone, SpanEndsAtTheChange) {
  const OffsetSpan span = paris().span_at(sys_days(2026y / 7 / 1));
  EXPECT_EQ(span.offset, 2h);
  EXPECT_EQ(span.begin, SystemTime(sys_days(2026y / 3 / 29) + 1h));
  EXPECT_EQ(span.end, SystemTime(sys_days(2026y / 10 / 25) + 1h));
}
TEST(TimeZone, AbbreviationOfTheSeason) {
  EXPECT_EQ(paris().abbreviation(sys_days(2026y / 7 / 1)), "CEST");
  EXPECT_EQ(TimeZone().abbreviation(SystemTime()), "UTC");
}
TEST(TimeZone, UtcIsTheDefault) {
  EXPECT_EQ(*TimeZone::find("UTC"), TimeZone());
  EXPECT_EQ(TimeZone().to_local(SystemTime(1h)), LocalTime(1h));
}
TEST(TimeZone, UnknownNameIsRefusedWithTheNearest) {
  const auto zone = TimeZone::find("Europe/Pariss");
  ASSERT_FALSE(zone);
  EXPECT_EQ(zone.error().code(), ErrorCode::time_zone_unknown);
  EXPECT_EQ(zone.error().parameter("nearest"), "Europe/Paris");
}
TEST(TimeZone, NamesThatClimbAreRefused) {
  for (const char* name : {"", "../../etc/passwd", "/etc/passwd", "Europe", "posixrules/x"}) {
    EXPECT_FALSE(TimeZone::find(name)) << name;
  }
}

}  // namespace
}  // namespace vigie::platform
