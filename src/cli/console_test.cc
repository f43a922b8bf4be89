#include "cli/console.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "cli/cells.h"

namespace vigie::cli {
namespace {

using ::testing::HasSubstr;

// A terminal of the test's own; what was written to it can be read.
class Terminal {
 public:
  Terminal() {
    int slave = -1;
    if (::openpty(&master_, &slave, nullptr, nullptr, nullptr) != 0) std::abort();
    stream_ = ::fdopen(slave, "w");
  }
  ~Terminal() {
    std::fclose(stream_);
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  std::FILE* stream() { return stream_; }
  void has_columns(unsigned short columns) {
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(::ioctl(master_, TIOCSWINSZ, &size), 0);
  }
  // All that was written. A terminal gives it in pieces: a mark of the test's own ends it.
  std::string read() {
    std::fwrite("\x04", 1, 1, stream_);
    std::fflush(stream_);
    std::string text;
    std::array<char, 4096> buffer{};
    while (!text.ends_with('\x04')) {
      const ssize_t n = ::read(master_, buffer.data(), buffer.size());
      if (n <= 0) return text;
      text.append(buffer.data(), static_cast<size_t>(n));
    }
    text.pop_back();
    return text;
  }

 private:
  int master_ = -1;
  std::FILE* stream_ = nullptr;
};

// A file without a name.
class Scratch {
 public:
  Scratch() : stream_(std::tmpfile()) {}
  ~Scratch() { std::fclose(stream_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::FILE* stream() { return stream_; }
  std::string read() {
    std::rewind(stream_);
    std::string text(4096, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), stream_));
    return text;
  }

 private:
  std::FILE* stream_;
};

// TERM and NO_COLOR as the test wants them, and as they were when it ends.
class Environment {
 public:
  Environment(const char* term, const char* no_colour) {
    set("TERM", term);
    set("NO_COLOR", no_colour);
  }
  ~Environment() {
    set("TERM", nullptr);
    set("NO_COLOR", nullptr);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void set(const char* name, const char* value) {
    if (value == nullptr) {
      ::unsetenv(name);
    } else {
      ::setenv(name, value, 1);
    }
  }
};

std::string toned_on_terminal() {
  Terminal terminal;
  return Console(terminal.stream(), terminal.stream()).toned("bad", Tone::bad);
}

TEST(Console, ColoursOnATerminal) {
  const Environment environment("xterm", nullptr);
  EXPECT_EQ(toned_on_terminal(), "\x1b[31mbad\x1b[0m");
}

TEST(Console, KeepsToNoColor) {
  const Environment environment("xterm", "1");
  EXPECT_EQ(toned_on_terminal(), "bad");
}

TEST(Console, AnEmptyNoColorSaysNothing) {
  const Environment environment("xterm", "");
  EXPECT_EQ(toned_on_terminal(), "\x1b[31mbad\x1b[0m");
}

TEST(Console, DoesNotColourADumbTerminal) {
  const Environment environment("dumb", nullptr);
  EXPECT_EQ(toned_on_terminal(), "bad");
}

TEST(Console, DoesNotColourAFile) {
  const Environment environment("xterm", nullptr);
  Scratch file;
  EXPECT_EQ(Console(file.stream(), file.stream()).toned("bad", Tone::bad), "bad");
}

TEST(Console, ProgressIsForTerminalsAlone) {
  Scratch file;
  Console console(file.stream(), file.stream());
  console.transient("half");
  console.transient("");
  EXPECT_EQ(file.read(), "");
}

TEST(Console, ProgressGoesAwayBeforeWords) {
  Terminal terminal;
  Console console(terminal.stream(), terminal.stream());
  console.transient("half");
  console.words("done");
  EXPECT_EQ(terminal.read(), "\r\x1b[Khalf\r\x1b[Kdone\r\n");
}

// What wraps cannot be taken back: \r goes to the last of its lines only.
TEST(Console, ProgressStaysOnOneLineOfANarrowTerminal) {
  Terminal terminal;
  Console console(terminal.stream(), terminal.stream());
  terminal.has_columns(6);
  console.transient("dump 43 MiB");
  console.transient("d\u00fcmp");
  terminal.has_columns(4);
  console.transient("\u5927\u5927");
  EXPECT_EQ(terminal.read(), "\r\x1b[Kdump \r\x1b[Kd\u00fcmp\r\x1b[K\u5927");
}

std::string table(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  Scratch file;
  Console(file.stream(), file.stream()).table(columns, rows);
  return file.read();
}

TEST(Console, AlignsWordsLeftAndNumbersRight) {
  EXPECT_EQ(table({{"NAME"}, {"ROWS", true}}, {{{"a"}, {"7"}}, {{"longer"}, {"1234567"}}}),
            "NAME       ROWS\n"
            "a             7\n"
            "longer  1234567\n");
}

TEST(Console, AlignsWhatIsNotAscii) {
  EXPECT_EQ(table({{"NAME"}, {"R"}}, {{{"é"}, {"x"}}, {{"e\u0301"}, {"x"}}, {{"表示"}, {"x"}}}),
            "NAME  R\n"
            "é     x\n"
            "e\u0301     x\n"
            "表示  x\n");
}

TEST(Console, ATableWithoutRowsIsItsTitles) {
  EXPECT_EQ(table({{"NAME"}, {"ROWS"}}, {}), "NAME  ROWS\n");
}

TEST(Console, ColourDoesNotMoveColumns) {
  const Environment environment("xterm", nullptr);
  Terminal terminal;
  Console(terminal.stream(), terminal.stream())
      .table({{"A"}, {"B"}}, {{{"ok", Tone::good}, {"x"}}});
  EXPECT_THAT(terminal.read(), HasSubstr("\x1b[32mok\x1b[0m  x\r\n"));
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("größe"), 5U);
  EXPECT_EQ(display_width("e\u0301"), 1U);
  EXPECT_EQ(display_width("表"), 2U);
  EXPECT_EQ(display_width("\U0001F600"), 2U);
  EXPECT_EQ(display_width(""), 0U);
}

TEST(DisplayWidth, TakesBadUtf8ByteByByte) {
  EXPECT_EQ(display_width("\xff\xfe"), 2U);
  EXPECT_EQ(display_width("a\xe8\xa1"), 3U);
}

TEST(PrettyJson, IndentsByTwo) {
  EXPECT_EQ(pretty_json(json::object{{"a", json::array{1, "x"}}, {"b", json::object()}}),
            "{\n  \"a\": [\n    1,\n    \"x\"\n  ],\n  \"b\": {}\n}\n");
}

TEST(PrettyJson, KeepsTheOrderOfTheKeys) {
  EXPECT_EQ(pretty_json(json::object{{"z", 1}, {"a", 2}}), "{\n  \"z\": 1,\n  \"a\": 2\n}\n");
}

TEST(Cells, WhatIsAbsentIsADash) {
  const json::object object{{"null", nullptr}};
  for (const char* key : {"null", "absent"}) {
    EXPECT_EQ(text_cell(object, key).text, "-");
    EXPECT_EQ(bytes_cell(object, key).text, "-");
    EXPECT_EQ(count_cell(object, key).text, "-");
    EXPECT_EQ(seconds_cell(object, key).text, "-");
    EXPECT_EQ(time_cell(object, key).text, "-");
    EXPECT_EQ(verdict_cell(object, key).text, "-");
  }
}

TEST(Cells, ATextCannotSteerTheTerminal) {
  EXPECT_EQ(text_cell({{"name", "a\x1b[2J\n"}}, "name").text, "a\\x1b[2J\\x0a");
}

TEST(Cells, ShowsNumbersForPeople) {
  const json::object object{{"bytes", 1572864}, {"short", 1.25}, {"long", 7200}, {"n", 1e6}};
  EXPECT_EQ(bytes_cell(object, "bytes").text, "1.5 MiB");
  EXPECT_EQ(seconds_cell(object, "short").text, "1.2s");
  EXPECT_EQ(seconds_cell(object, "long").text, "2h");
  EXPECT_EQ(count_cell(object, "n").text, "1000000");
}

TEST(Cells, ATimeIsCutToSeconds) {
  EXPECT_EQ(time_cell({{"at", "2026-11-20T02:00:00.75Z"}}, "at").text, "2026-11-20 02:00:00Z");
  EXPECT_EQ(time_cell({{"at", "yesterday"}}, "at").text, "-");
}

TEST(Cells, AVerdictHasItsColour) {
  EXPECT_EQ(verdict_cell({{"r", "passed"}}, "r").tone, Tone::good);
  EXPECT_EQ(verdict_cell({{"r", "failed"}}, "r").tone, Tone::bad);
  EXPECT_EQ(verdict_cell({{"r", "could_not_verify"}}, "r").tone, Tone::warning);
}

}  // namespace
}  // namespace vigie::cli
