// Where a command's answers go: data on stdout, words on stderr, colour and progress only on a
// terminal.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace vigie::cli {

enum class Tone : unsigned char { plain, good, warning, bad, dim, strong };

struct Column {
  std::string title;
  bool right = false;  // numbers
};

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
};

using Row = std::vector<Cell>;

// A table that is written in parts: a column grows when a part needs it, and never shrinks.
struct TableLayout {
  std::vector<Column> columns;
  std::vector<size_t> widths = {};
  bool titled = false;
};

class Console {
 public:
  Console(std::FILE* out, std::FILE* words);  // looks for terminals and NO_COLOR

  void data(std::string_view text);   // stdout, as it is
  void words(std::string_view text);  // stderr, a line
  void table(const std::vector<Column>& columns, const std::vector<Row>& rows);
  void rows(TableLayout& layout, const std::vector<Row>& rows);  // titles before the first ones
  std::string toned(std::string_view text, Tone tone) const;     // for stdout

  // The errno of the first data that could not be written; 0: all were.
  int failure() const { return failure_; }
  bool words_on_terminal() const { return words_terminal_; }
  // One line of stderr that is written over and over; only on a terminal, and as much of it as
  // stands on one line there. Empty text: takes it away.
  void transient(std::string_view text);

 private:
  std::FILE* out_;
  std::FILE* words_;
  bool colour_;
  bool words_terminal_;
  bool transient_shown_ = false;
  int failure_ = 0;
};

// Columns that `text` takes on a terminal: marks take none, East Asian and emoji two.
size_t display_width(std::string_view text);

// JSON for people: two blanks a level. At level 0 it ends its line.
std::string pretty_json(const json::value& value, size_t level = 0);

}  // namespace vigie::cli
