#include "platform/process_output.h"

#include <gtest/gtest.h>

#include "tests/support/shell.h"

namespace vigie::platform {
namespace {

using testing::shell;
using namespace std::chrono_literals;

MonoTime in(Duration time) {
  return MonoTime::clock::now() + time;
}

class RunForText : public ::testing::Test {
 protected:
  std::unique_ptr<ProcessRunner> runner_ = make_process_runner();
};

TEST_F(RunForText, GivesWhatTheProgramSaidAndHowItEnded) {
  const auto text = run_for_text(*runner_, shell("echo said; exit 3"), 1_KiB, in(30s), {});
  ASSERT_TRUE(text);
  EXPECT_EQ(text->output, "said\n");
  EXPECT_EQ(text->end.status, 3);
}

TEST_F(RunForText, RefusesMoreThanItsLimit) {
  const auto text = run_for_text(*runner_, shell("exec yes"), 1_KiB, in(30s), {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::limit_exceeded);
}

TEST_F(RunForText, SaysHowLongItWaited) {
  const auto text = run_for_text(*runner_, shell("exec sleep 60"), 1_KiB, in(1s), {});
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::deadline_exceeded);
  EXPECT_EQ(text.error().parameter("seconds"), "1");
}

TEST_F(RunForText, EndsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  const auto text =
      run_for_text(*runner_, shell("exec sleep 60"), 1_KiB, in(30s), stop.get_token());
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code(), ErrorCode::cancelled);
}

}  // namespace
}  // namespace vigie::platform
