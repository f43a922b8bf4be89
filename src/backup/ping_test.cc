#include "backup/ping.h"

#include <gtest/gtest.h>

namespace vigie::backup {
namespace {

TEST(PingAddress, SuccessIsTheAddressItself) {
  EXPECT_EQ(ping_address("https://hc.example/uuid", PingKind::success), "https://hc.example/uuid");
}
TEST(PingAddress, StartAndFailureHavePaths) {
  EXPECT_EQ(ping_address("https://hc.example/uuid", PingKind::start),
            "https://hc.example/uuid/start");
  EXPECT_EQ(ping_address("https://hc.example/uuid/", PingKind::failure),
            "https://hc.example/uuid/fail");
}
TEST(PingAddress, AQueryStaysAtTheEnd) {
  EXPECT_EQ(ping_address("https://up.example/p?token=a", PingKind::start),
            "https://up.example/p/start?token=a");
}

}  // namespace
}  // namespace vigie::backup
