#include "backup/plausibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vigie::backup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<Oddity> oddities(const BackupOutline& before, const BackupOutline& after,
                             PlausibilityOptions options = {}) {
  std::vector<Oddity> out;
  for (const auto& finding : compare_backups(before, after, options)) out.push_back(finding.oddity);
  return out;
}

const BackupOutline kBefore{1000_MiB, {{"public.a", 100}, {"public.b", 100}, {"public.none", 0}}};

TEST(Plausibility, TheSameIsNotOdd) {
  EXPECT_THAT(oddities(kBefore, kBefore), IsEmpty());
}
TEST(Plausibility, GrowthIsNotOdd) {
  EXPECT_THAT(
      oddities(kBefore,
               {9000_MiB,
                {{"public.a", 1000}, {"public.b", 1000}, {"public.none", 1}, {"public.new", 0}}}),
      IsEmpty());
}
TEST(Plausibility, ExactlyTheThresholdIsNotOdd) {
  EXPECT_THAT(
      oddities(kBefore, {500_MiB, {{"public.a", 50}, {"public.b", 50}, {"public.none", 0}}}),
      IsEmpty());
}
TEST(Plausibility, FewerRowsThanTheThreshold) {
  EXPECT_THAT(
      oddities(kBefore, {1000_MiB, {{"public.a", 50}, {"public.b", 49}, {"public.none", 0}}}),
      ElementsAre(Oddity::rows_shrunk));
}
TEST(Plausibility, FewerBytesThanTheThreshold) {
  EXPECT_THAT(
      oddities(kBefore, {499_MiB, {{"public.a", 100}, {"public.b", 100}, {"public.none", 0}}}),
      ElementsAre(Oddity::bytes_shrunk));
}
TEST(Plausibility, TableGoneEvenWithoutRows) {
  EXPECT_THAT(oddities(kBefore, {1000_MiB, {{"public.a", 100}, {"public.b", 100}}}),
              ElementsAre(Oddity::table_gone));
}
TEST(Plausibility, TableEmptied) {
  EXPECT_THAT(
      oddities(kBefore, {1000_MiB, {{"public.a", 100}, {"public.b", 0}, {"public.none", 0}}}),
      ElementsAre(Oddity::table_emptied));
}
TEST(Plausibility, AnotherServer) {
  BackupOutline here = kBefore;
  BackupOutline there = kBefore;
  here.system_identifier = 7'300'000'000'000'000'001;
  there.system_identifier = 7'300'000'000'000'000'002;
  EXPECT_THAT(oddities(here, there), ElementsAre(Oddity::other_server));
  EXPECT_THAT(oddities(here, here), IsEmpty());
}
TEST(Plausibility, AServerThatDoesNotSayWhoItIsIsNotOdd) {
  BackupOutline named = kBefore;
  named.system_identifier = 7;
  EXPECT_THAT(oddities(named, kBefore), IsEmpty());
  EXPECT_THAT(oddities(kBefore, named), IsEmpty());
}
TEST(Plausibility, AnEmptyDatabaseBeforeMakesNothingOdd) {
  EXPECT_THAT(oddities({}, {}), IsEmpty());
}
TEST(Plausibility, FindingsOnTablesAreBounded) {
  BackupOutline many{1_MiB, {}};
  for (int i = 0; i < 1000; ++i) many.tables.push_back({"t" + std::to_string(i), 0});
  EXPECT_EQ(oddities(many, {1_MiB, {}}).size(), 100U);
}
TEST(Plausibility, HostileTableNameIsMadePrintable) {
  const PlausibilityFinding finding{Oddity::table_gone, "a\nb", 1, 0};
  EXPECT_EQ(finding.text().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace vigie::backup
