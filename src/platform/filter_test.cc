#include "platform/filter.h"

#include <gtest/gtest.h>

#include "platform/memory_file.h"
#include "tests/support/shell.h"

namespace vigie::platform {
namespace {

using testing::shell;
using namespace std::chrono_literals;

struct FilterTest : ::testing::Test {
  std::unique_ptr<ProcessRunner> runner = make_process_runner();
  std::stop_source stop;
  std::string output;
  Filter::Sink sink = [this](ByteSpan bytes) {
    output.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return Result<>();
  };

  std::unique_ptr<Filter> start(std::string script, Duration patience = 60s) {
    auto filter = Filter::start(*runner, shell(std::move(script)),
                                {MonoTime::clock::now() + patience, stop.get_token()});
    EXPECT_TRUE(filter);
    return std::move(*filter);
  }
};

TEST_F(FilterTest, GivesWhatTheProgramMakesOfTheBytes) {
  const auto filter = start("tr a-z A-Z");
  ASSERT_TRUE(*filter->push(as_bytes("some words, "), sink));
  ASSERT_TRUE(*filter->push(as_bytes("and more"), sink));
  const auto end = filter->finish(sink);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, 0);
  EXPECT_EQ(output, "SOME WORDS, AND MORE");
}

// More than the pipes hold on either side: whoever wrote all before reading would hang.
TEST_F(FilterTest, CarriesMoreThanThePipesHold) {
  const auto filter = start("cat");
  const std::string much(size_t{8} << 20, 'x');
  ASSERT_TRUE(*filter->push(as_bytes(much), sink));
  ASSERT_TRUE(filter->finish(sink));
  EXPECT_EQ(output, much);
}

TEST_F(FilterTest, SaysThatTheProgramReadsNoMore) {
  const auto filter = start("echo no >&2; exit 3");
  const std::string much(size_t{8} << 20, 'x');
  const auto more = filter->push(as_bytes(much), sink);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
  const auto end = filter->finish(sink);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->status, 3);
  EXPECT_EQ(end->error_text, "no\n");
}

TEST_F(FilterTest, EndsWithTheErrorOfItsSink) {
  const auto filter = start("cat >/dev/null; echo something");
  const auto end = filter->finish([](ByteSpan) -> Result<> {
    return fail(ErrorCode::disk_full, {{"path", "there"}});
  });
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::disk_full);
}

TEST_F(FilterTest, ProgramThatHangsMeetsTheDeadline) {
  const auto filter = start("exec sleep 600", 200ms);
  const std::string much(size_t{8} << 20, 'x');
  const auto more = filter->push(as_bytes(much), sink);
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code(), ErrorCode::deadline_exceeded);
}

TEST_F(FilterTest, ProgramThatHangsIsCancelled) {
  const auto filter = start("exec sleep 600");
  stop.request_stop();
  const auto end = filter->finish(sink);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::cancelled);
}

TEST_F(FilterTest, MemoryFileIsReadByAChildByItsPath) {
  const auto file = MemoryFile::make(Secret("the words"));
  ASSERT_TRUE(file);
  const auto filter = start("cat " + file->path().string());
  ASSERT_TRUE(filter->finish(sink));
  EXPECT_EQ(output, "the words");
}

}  // namespace
}  // namespace vigie::platform
