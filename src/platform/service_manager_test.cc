#include "platform/service_manager.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace vigie::platform {
namespace {

using namespace std::chrono_literals;

class WatchdogPeriod : public ::testing::Test {
 protected:
  ~WatchdogPeriod() override {
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
  }
};

TEST_F(WatchdogPeriod, IsHalfOfWhatTheManagerWaits) {
  ::setenv("WATCHDOG_USEC", "500000", 1);
  EXPECT_EQ(watchdog_period(), 250ms);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(watchdog_period(), 250ms);
}

TEST_F(WatchdogPeriod, IsNoneWhenNobodyWatchesThisProcess) {
  EXPECT_FALSE(watchdog_period());
  for (const char* text : {"", "0", "-1", "soon"}) {
    ::setenv("WATCHDOG_USEC", text, 1);
    EXPECT_FALSE(watchdog_period()) << text;
  }
  ::setenv("WATCHDOG_USEC", "500000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(watchdog_period());
}

}  // namespace
}  // namespace vigie::platform
