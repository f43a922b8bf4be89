#include "base/nearest.h"

#include <gtest/gtest.h>

#include <vector>

namespace vigie {
namespace {

const std::vector<std::string> kNames{"schedule", "store", "jobs", "daily"};

TEST(EditDistance, CountsEachKindOfChangeOnce) {
  EXPECT_EQ(edit_distance("daily", "daily"), 0U);
  EXPECT_EQ(edit_distance("daily", "daly"), 1U);
  EXPECT_EQ(edit_distance("daily", "dailly"), 1U);
  EXPECT_EQ(edit_distance("daily", "dbily"), 1U);
  EXPECT_EQ(edit_distance("daily", "dialy"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}
TEST(NearestName, FindsWhatWasMeant) {
  EXPECT_EQ(nearest_name("shedule", kNames), "schedule");
  EXPECT_EQ(nearest_name("dialy", kNames), "daily");
}
TEST(NearestName, SaysNothingWhenNoneIsNear) {
  EXPECT_EQ(nearest_name("retention", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
}
TEST(NearestName, TakesALongTextInBoundedTime) {
  EXPECT_EQ(nearest_name(std::string(1 << 20, 'x'), kNames), "");
}

}  // namespace
}  // namespace vigie
