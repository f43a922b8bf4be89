#include "cli/console.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/encoding.h"

namespace vigie::cli {
namespace {

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "\x1b[32m";
    case Tone::warning:
      return "\x1b[33m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::dim:
      return "\x1b[2m";
    case Tone::strong:
      return "\x1b[1m";
    case Tone::plain:
      break;
  }
  return "";
}

bool wants_colour(std::FILE* out) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return ::isatty(::fileno(out)) == 1 && !dumb && (no_colour == nullptr || *no_colour == '\0');
}

bool write(std::FILE* to, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), to) == text.size() && std::fflush(to) == 0;
}

std::string padded(const std::string& shown, std::string_view text, size_t width, bool right) {
  const std::string space(width - std::min(width, display_width(text)), ' ');
  return right ? space + shown : shown + space;
}

void indent(std::string& out, size_t level) {
  out.append(level * 2, ' ');
}

void pretty(std::string& out, const json::value& value, size_t level);

template <class Range, class Each>
void pretty_items(std::string& out, const Range& range, size_t level, char open, char close,
                  Each each) {
  out += open;
  bool first = true;
  for (const auto& item : range) {
    out += first ? "\n" : ",\n";
    first = false;
    indent(out, level + 1);
    each(item);
  }
  if (!first) {
    out += '\n';
    indent(out, level);
  }
  out += close;
}

void pretty(std::string& out, const json::value& value, size_t level) {
  if (const auto* object = value.if_object()) {
    pretty_items(out, *object, level, '{', '}', [&](const json::key_value_pair& member) {
      out += canonical_json(json::string(member.key())) + ": ";
      pretty(out, member.value(), level + 1);
    });
  } else if (const auto* array = value.if_array()) {
    pretty_items(out, *array, level, '[', ']',
                 [&](const json::value& item) { pretty(out, item, level + 1); });
  } else {
    out += canonical_json(value);
  }
}

struct Range {
  char32_t first;
  char32_t last;
};

// Marks that stand on the letter before them, joiners and selectors (Unicode 15: Mn, Me, Cf, the
// blocks that names are likely to hold).
constexpr std::array<Range, 12> kNoWidth{{{0x300, 0x36f},
                                          {0x483, 0x489},
                                          {0x591, 0x5bd},
                                          {0x610, 0x61a},
                                          {0x64b, 0x65f},
                                          {0x1ab0, 0x1aff},
                                          {0x1dc0, 0x1dff},
                                          {0x200b, 0x200f},
                                          {0x20d0, 0x20ff},
                                          {0xfe00, 0xfe0f},
                                          {0xfe20, 0xfe2f},
                                          {0xe0100, 0xe01ef}}};
// East Asian Width W and F (Unicode 15), by whole blocks.
constexpr std::array<Range, 11> kTwoColumns{{{0x1100, 0x115f},
                                             {0x2e80, 0x303e},
                                             {0x3041, 0xa4cf},
                                             {0xa960, 0xa97c},
                                             {0xac00, 0xd7a3},
                                             {0xf900, 0xfaff},
                                             {0xfe30, 0xfe6f},
                                             {0xff00, 0xff60},
                                             {0xffe0, 0xffe6},
                                             {0x1f300, 0x1f9ff},
                                             {0x20000, 0x3fffd}}};

size_t width_of(char32_t point) {
  const auto holds = [&](Range range) { return range.first <= point && point <= range.last; };
  if (std::ranges::any_of(kNoWidth, holds)) return 0;
  return std::ranges::any_of(kTwoColumns, holds) ? 2 : 1;
}

// Of bad UTF-8 every byte stands for itself; texts for a table have gone through printable().
char32_t next_code_point(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  if (length == 1 || at + length > text.size() || !is_utf8(text.substr(at, length))) {
    ++at;
    return lead;
  }
  auto point = static_cast<char32_t>(lead & (0x7fU >> length));
  for (size_t i = 1; i < length; ++i)
    point = (point << 6) | (static_cast<unsigned char>(text[at + i]) & 0x3fU);
  at += length;
  return point;
}

// Asked each time: a window changes its size. Without an answer, what a terminal has as a rule.
size_t columns_of(std::FILE* terminal) {
  constexpr size_t kUsual = 80;
  winsize size{};
  const bool known = ::ioctl(::fileno(terminal), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsual;
}

// What stands on one line. The last column stays free: some terminals wrap once it is written.
std::string_view fitting(std::string_view text, size_t columns) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t before = at;
    width += width_of(next_code_point(text, at));
    if (width >= columns) return text.substr(0, before);
  }
  return text;
}

}  // namespace

Console::Console(std::FILE* out, std::FILE* words)
    : out_(out),
      words_(words),
      colour_(wants_colour(out)),
      words_terminal_(::isatty(::fileno(words)) == 1) {}

void Console::data(std::string_view text) {
  if (failure_ == 0 && !write(out_, text)) failure_ = errno;
}

void Console::words(std::string_view text) {
  transient("");
  (void)write(words_, fmt::format("{}\n", text));
}

std::string Console::toned(std::string_view text, Tone tone) const {
  if (!colour_ || tone == Tone::plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(tone), text);
}

void Console::table(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  TableLayout layout{columns};
  this->rows(layout, rows);
}

void Console::rows(TableLayout& layout, const std::vector<Row>& rows) {
  const auto& columns = layout.columns;
  layout.widths.resize(columns.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    size_t& width = layout.widths[i];
    width = std::max(width, display_width(columns[i].title));
    for (const Row& row : rows) width = std::max(width, display_width(row[i].text));
  }
  const auto line = [&](auto text_of) {
    std::string out;
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto [text, tone] = text_of(i);
      out += padded(toned(text, tone), text, layout.widths[i], columns[i].right) + "  ";
    }
    out.erase(out.find_last_not_of(' ') + 1);
    data(out + "\n");
  };
  if (!std::exchange(layout.titled, true))
    line([&](size_t i) { return Cell{columns[i].title, Tone::dim}; });
  for (const Row& row : rows) line([&](size_t i) { return row[i]; });
}

void Console::transient(std::string_view text) {
  if (!words_terminal_ || (text.empty() && !transient_shown_)) return;
  (void)write(words_, fmt::format("\r\x1b[K{}", fitting(text, columns_of(words_))));
  transient_shown_ = !text.empty();
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) width += width_of(next_code_point(text, at));
  return width;
}

std::string pretty_json(const json::value& value, size_t level) {
  std::string out;
  pretty(out, value, level);
  return level == 0 ? out + "\n" : out;
}

}  // namespace vigie::cli
