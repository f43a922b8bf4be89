#include "cli/console.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

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

void write(std::FILE* to, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
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

}  // namespace

Console::Console(std::FILE* out, std::FILE* words)
    : out_(out),
      words_(words),
      colour_(wants_colour(out)),
      words_terminal_(::isatty(::fileno(words)) == 1) {}

void Console::data(std::string_view text) {
  write(out_, text);
}

void Console::words(std::string_view text) {
  transient("");
  write(words_, fmt::format("{}\n", text));
}

std::string Console::toned(std::string_view text, Tone tone) const {
  if (!colour_ || tone == Tone::plain) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape_of(tone), text);
}

void Console::table(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (size_t i = 0; i < columns.size(); ++i) {
    size_t width = display_width(columns[i].title);
    for (const Row& row : rows) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  const auto line = [&](auto text_of) {
    std::string out;
    for (size_t i = 0; i < columns.size(); ++i) {
      const auto [text, tone] = text_of(i);
      out += padded(toned(text, tone), text, widths[i], columns[i].right) + "  ";
    }
    out.erase(out.find_last_not_of(' ') + 1);
    data(out + "\n");
  };
  line([&](size_t i) { return Cell{columns[i].title, Tone::dim}; });
  for (const Row& row : rows) line([&](size_t i) { return row[i]; });
}

void Console::transient(std::string_view text) {
  if (!words_terminal_ || (text.empty() && !transient_shown_)) return;
  write(words_, fmt::format("\r\x1b[K{}", text));
  transient_shown_ = !text.empty();
}

size_t display_width(std::string_view text) {
  return static_cast<size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

std::string pretty_json(const json::value& value) {
  std::string out;
  pretty(out, value, 0);
  return out + "\n";
}

}  // namespace vigie::cli
