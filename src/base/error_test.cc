#include "base/error.h"

#include <gtest/gtest.h>

#include <set>

namespace vigie {
namespace {

TEST(ErrorRegistry, TableIsInTheOrderOfTheEnum) {
  for (const ErrorInfo& info : error_table()) EXPECT_EQ(&error_info(info.code), &info);
}
TEST(ErrorText, HidesPathsFromEverybody) {
  const Error error(ErrorCode::file_io,
                    {{"path", "/secret/place"}, {"reason", "Input/output error"}});
  EXPECT_EQ(error.detail(Audience::operators), "/secret/place: Input/output error.");
  EXPECT_EQ(error.detail(Audience::everybody), "…: Input/output error.");
}
TEST(ErrorText, KeepsTheInnermostParameter) {
  Error error(ErrorCode::backup_not_found, {{"backup", "x"}});
  error.with("backup", "y");
  EXPECT_EQ(error.parameter("backup"), "x");
}

}  // namespace
}  // namespace vigie
