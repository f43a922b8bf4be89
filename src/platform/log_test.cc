#include "platform/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/encoding.h"
#include "platform/descriptor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/process_watch.h"

namespace vigie::platform {
namespace {

struct LogTest : ::testing::Test {
  testing::FakeClock clock;
  Scrubber scrubber;
  std::vector<std::string> lines;
  Logger log{[this](std::string_view line) { lines.emplace_back(line); }, LogLevel::info, clock,
             scrubber};

  json::object last() {
    const auto value = parse_json(lines.back());
    EXPECT_TRUE(value) << lines.back();
    return value ? value->as_object() : json::object();
  }
};

TEST(Scrubber, KnowsATokenByItsForm) {
  const Scrubber scrubber;
  const std::string token = "vgt_" + std::string(20, 'a') + "-_" + std::string(21, 'Z');
  EXPECT_EQ(scrubber.scrub("with " + token + ", twice " + token + token),
            "with [redacted], twice [redacted][redacted]");
  EXPECT_FALSE(scrubber.clean(token));
  const std::string shorter = "vgt_ " + token.substr(0, token.size() - 1);
  EXPECT_EQ(scrubber.scrub(shorter), shorter);
}

TEST_F(LogTest, WritesOneObjectALine) {
  log.write(LogLevel::warn, "backup.published", "done",
            {{"backup", "nightly.app"}, {"duration_s", 1.5}, {"ok", true}});
  ASSERT_TRUE(lines.back().ends_with("}\n"));
  const json::object line = last();
  EXPECT_EQ(line.at("ts"), "2026-11-20T00:00:00Z");
  EXPECT_EQ(line.at("level"), "warn");
  EXPECT_EQ(line.at("event"), "backup.published");
  EXPECT_EQ(line.at("msg"), "done");
  EXPECT_EQ(line.at("service"), "vigie");
  EXPECT_EQ(line.at("duration_s").as_double(), 1.5);
  EXPECT_TRUE(line.at("ok").as_bool());
}

TEST_F(LogTest, LeavesOutWhatIsBelowItsLevel) {
  log.write(LogLevel::debug, "x", "y");
  EXPECT_TRUE(lines.empty());
}

TEST_F(LogTest, WritesAnErrorWithItsCode) {
  log.write(LogLevel::error, "x", Error(ErrorCode::disk_full, {{"path", "/a"}}));
  EXPECT_EQ(last().at("error_code"), "disk_full");
  EXPECT_EQ(last().at("msg"), "No space left writing /a.");
}

TEST_F(LogTest, AValueCannotForgeALine) {
  log.write(LogLevel::info, "x", "a\n{\"level\":\"error\"}\"\\", {{"k", "\r\n\t\x1b[31m"}});
  EXPECT_EQ(lines.back().find('\n'), lines.back().size() - 1);
  EXPECT_EQ(last().at("level"), "info");
  EXPECT_EQ(lines.back().find('\x1b'), std::string::npos);
}

TEST_F(LogTest, AFieldCannotTakeThePlaceOfAnother) {
  log.write(LogLevel::info, "x", "y", {{"level", "error"}, {"k", 1}, {"k", 2}});
  EXPECT_EQ(last().at("level"), "info");
  EXPECT_EQ(last().at("k"), 1);
}

TEST_F(LogTest, ShowsBytesThatAreNotUtf8) {
  log.write(LogLevel::info, "x", "caf\xe9 caf\xc3\xa9");
  EXPECT_EQ(last().at("msg"), "caf\\xe9 caf\xc3\xa9");
}

TEST_F(LogTest, ALineIsBounded) {
  log.write(LogLevel::info, "x", std::string(100000, 'a'),
            {{"b", std::string(100000, '"')}, {"c", std::string(100000, '\x01')}});
  EXPECT_LE(lines.back().size(), kMaxLogLine);
  EXPECT_TRUE(last().contains("c"));
}

TEST_F(LogTest, ALineOfTooManyFieldsKeepsItsMessage) {
  json::array many(5000, json::value("abc"));
  log.write(LogLevel::info, "x", "message", {{"many", many}});
  EXPECT_LE(lines.back().size(), kMaxLogLine);
  EXPECT_EQ(last().at("msg"), "message");
  EXPECT_TRUE(last().at("cut").as_bool());
}

TEST_F(LogTest, RedactsASecretInEveryForm) {
  const std::string secret = "p\"ss w/rd+\xc3\xa9";
  scrubber.add(Secret(secret));
  const std::vector<std::string> forms{secret,
                                       percent_encode(secret),
                                       base64_encode(vigie::as_bytes(secret)),
                                       base64_encode(vigie::as_bytes("user:" + secret)),
                                       base64_encode(vigie::as_bytes("ab" + secret + "cd")),
                                       base64_encode(vigie::as_bytes("a" + secret)),
                                       "p\\\"ss w/rd+\xc3\xa9",
                                       "p%22ss+w%2Frd%2B%C3%A9"};
  for (const std::string& form : forms) {
    log.write(LogLevel::info, "x", "before " + form + " after",
              {{"k", form}, {"nested", json::object{{form, json::array{form}}}}});
    const std::string core = form.substr(4, form.size() - 8);
    EXPECT_EQ(lines.back().find(core), std::string::npos) << form;
    EXPECT_NE(lines.back().find("[redacted]"), std::string::npos);
  }
}

TEST_F(LogTest, RedactsTheLongerOfTwoSecretsFirst) {
  scrubber.add(Secret("hunter"));
  scrubber.add(Secret("hunter2-long"));
  EXPECT_EQ(scrubber.scrub("x hunter2-long y hunter z"), "x [redacted] y [redacted] z");
}

TEST_F(LogTest, RedactsASecretAsTheFilesOfLibpqAndSqlHoldIt) {
  scrubber.add(Secret("it's:a\\b"));
  for (const char* text : {"it\\'s:a\\\\b", "it''s:a\\b", "it's\\:a\\\\b"})
    EXPECT_EQ(scrubber.scrub(text), "[redacted]") << text;
}

TEST_F(LogTest, ForgetsTheOldestSecretsBeyondItsBound) {
  for (size_t i = 0; i <= kMostSecrets; ++i)
    scrubber.add(Secret("secret-" + std::to_string(1000 + i)));
  EXPECT_EQ(scrubber.scrub("secret-1000 secret-1001"), "secret-1000 [redacted]");
}

TEST_F(LogTest, IgnoresASecretThatIsAWord) {
  scrubber.add(Secret("a"));
  scrubber.add(Secret(""));
  EXPECT_EQ(scrubber.scrub("a cat"), "a cat");
}

TEST_F(LogTest, LinesOfSeveralThreadsDoNotMix) {
  testing::LinePipe pipe;
  Logger shared(descriptor_sink(pipe.writing_end()), LogLevel::info, clock, scrubber);
  {
    std::vector<std::jthread> threads;
    threads.reserve(4);
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        scrubber.add(Secret("secret" + std::to_string(i)));
        for (int k = 0; k < 25; ++k) {
          shared.write(LogLevel::info, "x", std::string(100, static_cast<char>('a' + i)));
        }
      });
    }
  }
  pipe.close_writing_end();
  for (int i = 0; i < 100; ++i) {
    const auto line = parse_json(pipe.line());
    ASSERT_TRUE(line);
    const auto& text = line->as_object().at("msg").as_string();
    EXPECT_EQ(std::string(text), std::string(100, text.front()));
  }
}

// As when the journal hangs, or somebody holds the terminal.
TEST(SpokenSink, SaysToAPersonWhatHappenedAndTheSameOnlyOnce) {
  std::string said;
  const testing::FakeClock clock;
  const Scrubber scrubber;
  Logger log(spoken_sink([&](std::string_view line) { said += line; }), LogLevel::warn, clock,
             scrubber);
  log.write(LogLevel::info, "run.ended", "not for a person");
  for (const char* const event : {"backup.debris", "backup.reconcile"})
    log.write(LogLevel::warn, event, Error(ErrorCode::disk_full, {{"path", "/x/\x1b[2J"}}));
  log.write(LogLevel::error, "a.b", "Words alone.");
  EXPECT_EQ(said, "vigie: No space left writing /x/\\x1b[2J. (disk_full)\nvigie: Words alone.\n");
}

TEST(DescriptorSink, AReaderThatDoesNotReadStopsNobodyAndHearsOfItLater) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
  const Descriptor reading(ends[0]);
  const Descriptor writing(ends[1]);
  ASSERT_EQ(::fcntl(writing.get(), F_SETFL, 0), 0) << "blocking, as standard error is";
  ASSERT_GT(::fcntl(writing.get(), F_SETPIPE_SZ, 8192), 0);
  const auto read = [&] {
    std::string text(1 << 16, '\0');
    text.resize(
        static_cast<size_t>(std::max<ssize_t>(0, ::read(reading.get(), text.data(), text.size()))));
    return text;
  };
  const LogSink sink = descriptor_sink(writing.get());
  const std::string line = std::string(3000, 'x') + "\n";
  for (int i = 0; i < 5; ++i) sink(line);
  EXPECT_EQ(read(), line + line);
  sink("again\n");
  const std::string text = read();
  EXPECT_NE(text.find("3 lines are lost"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("}\nagain\n")) << text;
  sink("and again\n");
  EXPECT_EQ(read(), "and again\n");
}

}  // namespace
}  // namespace vigie::platform
