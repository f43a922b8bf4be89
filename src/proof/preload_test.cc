// Which libraries of a source a scratch server is started with.
#include "proof/preload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vigie::proof {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(PreloadLibraries, AreToldByTheirPlainNames) {
  EXPECT_THAT(preload_libraries("pg_stat_statements, \"auto_explain\",x-1"),
              ElementsAre("pg_stat_statements", "auto_explain", "x-1"));
  EXPECT_THAT(preload_libraries(""), IsEmpty());
}

// It comes from a manifest, and becomes a word of a command.
TEST(PreloadLibraries, APathOrAnythingElseIsLeftOut) {
  EXPECT_THAT(preload_libraries("/tmp/evil.so,$libdir/x,a=b,,good, ../up"), ElementsAre("good"));
}

}  // namespace
}  // namespace vigie::proof
