#include "backup/give_way.h"

#include <gtest/gtest.h>

namespace vigie::backup {
namespace {

using namespace std::chrono_literals;

const MonoTime kStart{1h};

TEST(Waiters, NobodyWaits) {
  EXPECT_FALSE(Waiters(5s).update({}, kStart));
}
TEST(Waiters, OneThatWaitsForTheWholePatienceCounts) {
  Waiters waiters(5s);
  EXPECT_FALSE(waiters.update({7}, kStart));
  EXPECT_FALSE(waiters.update({7}, kStart + 4s));
  EXPECT_TRUE(waiters.update({7}, kStart + 5s));
}
TEST(Waiters, OneThatLeftAndCameBackStartsAnew) {
  Waiters waiters(5s);
  EXPECT_FALSE(waiters.update({7}, kStart));
  EXPECT_FALSE(waiters.update({}, kStart + 3s));
  EXPECT_FALSE(waiters.update({7}, kStart + 6s));
}
TEST(Waiters, OthersDoNotAddUp) {
  Waiters waiters(5s);
  EXPECT_FALSE(waiters.update({1}, kStart));
  EXPECT_FALSE(waiters.update({2}, kStart + 5s));
}

}  // namespace
}  // namespace vigie::backup
