// What an entry of a drill says of the age of its data.
#include "proof/evidence.h"

#include <gtest/gtest.h>

namespace vigie::proof::evidence {
namespace {

using namespace std::chrono_literals;

// A day and six hours old, where 26 hours were wanted.
ledger::Entry drilled_old_data(bool newest) {
  DrillOptions options;
  options.name = "weekly";
  options.rpo_target = 26h;
  DrillReport report;
  report.data_age = 30h;
  report.newest = newest;
  return drilled({}, options, false, report, {}, {}, {});
}

TEST(DrillEvidence, TheAgeOfTheNewestBackupIsTheRpo) {
  const ledger::Entry entry = drilled_old_data(true);
  EXPECT_EQ(entry.measures.at("rpo_s").to_number<double>(), 108'000);
  EXPECT_EQ(entry.measures.at("data_age_s").to_number<double>(), 108'000);
  EXPECT_EQ(entry.subject.at("newest"), true);
  ASSERT_EQ(entry.deviations.size(), 1u);
  EXPECT_TRUE(entry.deviations[0].starts_with("rpo was "));
}

TEST(DrillEvidence, AnOlderBackupHasAnAgeAndNoRpo) {
  const ledger::Entry entry = drilled_old_data(false);
  EXPECT_FALSE(entry.measures.contains("rpo_s"));
  EXPECT_EQ(entry.measures.at("data_age_s").to_number<double>(), 108'000);
  EXPECT_EQ(entry.subject.at("newest"), false);
  EXPECT_TRUE(entry.deviations.empty());
}

TEST(DrillEvidence, ADrillThatReadNoBackupHasNoAge) {
  const ledger::Entry entry = drilled({}, {}, false, {}, {}, {}, {});
  EXPECT_FALSE(entry.measures.contains("data_age_s"));
  EXPECT_FALSE(entry.subject.contains("newest"));
}

}  // namespace
}  // namespace vigie::proof::evidence
