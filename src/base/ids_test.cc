#include "base/ids.h"

#include <gtest/gtest.h>

namespace vigie {
namespace {

TEST(BackupIdText, RoundTrips) {
  const auto id = BackupId::parse("nightly.my-app_2-20261120T020000Z");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->job, "nightly");
  EXPECT_EQ(id->database, "my-app_2");
  EXPECT_EQ(id->str(), "nightly.my-app_2-20261120T020000Z");
}
TEST(BackupIdText, RefusesPathsAndOtherNames) {
  for (const char* text : {"", "nightly", "../x.y-20261120T020000Z", "a.b/c-20261120T020000Z",
                           "a.-20261120T020000Z", "A.b-20261120T020000Z", "a.b-20261120T020000"}) {
    EXPECT_FALSE(BackupId::parse(text)) << text;
  }
}
TEST(CorrelationIds, AcceptWhatTheContractAccepts) {
  EXPECT_TRUE(is_correlation_id("Az09._-"));
  EXPECT_FALSE(is_correlation_id(""));
  EXPECT_FALSE(is_correlation_id("a b"));
  EXPECT_FALSE(is_correlation_id(std::string(49, 'a')));
}
TEST(CorrelationIds, NewOnesDiffer) {
  EXPECT_NE(new_correlation_id(), new_correlation_id());
}

}  // namespace
}  // namespace vigie
