#include "base/time.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace vigie {
namespace {

using namespace std::chrono;

struct Fields {
  int year, month, day, hour, minute, second;
};

// Exactly `digits` decimal digits at the front of `text`, which it takes off.
std::optional<int> take_number(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

bool take_optional_separator(std::string_view& text, char separator) {
  return separator == '\0' || take(text, separator);
}

std::optional<Fields> take_fields(std::string_view& text, char date_separator,
                                  char time_separator) {
  Fields f{};
  const std::array<std::pair<int*, char>, 6> parts{{{&f.year, date_separator},
                                                    {&f.month, date_separator},
                                                    {&f.day, 'T'},
                                                    {&f.hour, time_separator},
                                                    {&f.minute, time_separator},
                                                    {&f.second, '\0'}}};
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto number = take_number(text, i == 0 ? 4 : 2);
    if (!number) return std::nullopt;
    *parts[i].first = *number;
    if (i == 2 && !text.empty() && (text.front() == 't' || text.front() == ' ')) {
      text.remove_prefix(1);
    } else if (!take_optional_separator(text, parts[i].second)) {
      return std::nullopt;
    }
  }
  return f;
}

std::optional<SystemTime> to_time(const Fields& f) {
  const year_month_day date{year{f.year}, month{static_cast<unsigned>(f.month)},
                            day{static_cast<unsigned>(f.day)}};
  if (!date.ok() || f.year < 1970 || f.hour > 23 || f.minute > 59 || f.second > 60)
    return std::nullopt;
  return sys_days{date} + hours{f.hour} + minutes{f.minute} + seconds{f.second};
}

std::optional<microseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return microseconds{0};
  size_t digits = 0;
  int64_t value = 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9';
       text.remove_prefix(1), ++digits) {
    if (digits < 6) value = value * 10 + (text.front() - '0');
  }
  if (digits == 0 || digits > 9) return std::nullopt;
  for (size_t i = digits; i < 6; ++i) value *= 10;
  return microseconds{value};
}

std::optional<minutes> take_offset(std::string_view& text) {
  if (text == "Z" || text == "z") {
    text.remove_prefix(1);
    return minutes{0};
  }
  const bool west = !text.empty() && text.front() == '-';
  if (!take(text, west ? '-' : '+')) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  const minutes offset = hours{*hour} + minutes{*minute};
  return west ? -offset : offset;
}

tl::unexpected<Error> not_valid(std::string_view expected) {
  return fail(ErrorCode::http_invalid_parameter,
              {{"argument", "time"}, {"expected", std::string(expected)}});
}

struct Unit {
  std::string_view name;
  microseconds length;
};
constexpr std::array<Unit, 6> kUnits{{{"w", days{7}},
                                      {"d", days{1}},
                                      {"h", hours{1}},
                                      {"m", minutes{1}},
                                      {"s", seconds{1}},
                                      {"ms", milliseconds{1}}}};

const Unit* find_unit(std::string_view name) {
  for (const Unit& unit : kUnits) {
    if (unit.name == name) return &unit;
  }
  return nullptr;
}

}  // namespace

std::string format_rfc3339(SystemTime time) {
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<microseconds>(time - day)};
  std::string out =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) out += fmt::format(".{:06}", clock.subseconds().count());
  return out + "Z";
}

Result<SystemTime> parse_rfc3339(std::string_view text) {
  const auto fields = take_fields(text, '-', ':');
  if (!fields) return not_valid("a time as RFC 3339 writes it");
  const auto fraction = take_fraction(text);
  const auto offset = take_offset(text);
  const auto time = to_time(*fields);
  if (!fraction || !offset || !time || !text.empty())
    return not_valid("a time as RFC 3339 writes it");
  return *time + *fraction - *offset;
}

std::string format_compact(SystemTime time) {
  std::string text = format_rfc3339(floor<seconds>(time));
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

Result<SystemTime> parse_compact(std::string_view text) {
  const auto fields = take_fields(text, '\0', '\0');
  const auto time = fields ? to_time(*fields) : std::nullopt;
  if (!time || text != "Z") return not_valid("a time like 20261120T020000Z");
  return *time;
}

Result<Duration> parse_duration(std::string_view text) {
  const auto bad = [] { return not_valid("a duration like 90s, 15m, 26h or 7d"); };
  if (text.empty()) return bad();
  Duration sum{0};
  while (!text.empty()) {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    const size_t letters = std::min(text.find_first_of("0123456789"), text.size());
    const Unit* unit = find_unit(text.substr(0, letters));
    // 100 years bounds every duration, and keeps the sum far from overflow.
    if (error != std::errc() || unit == nullptr || number < 0 ||
        number > days{36525} / unit->length)
      return bad();
    sum += number * unit->length;
    if (sum > days{36525}) return bad();
    text.remove_prefix(letters);
  }
  return sum;
}

std::string format_duration(Duration duration) {
  if (duration < milliseconds{1}) return "0s";
  std::string out;
  for (const Unit& unit : kUnits) {
    const int64_t count = duration / unit.length;
    duration -= count * unit.length;
    if (count > 0) out += fmt::format("{}{}", count, unit.name);
  }
  return out;
}

}  // namespace vigie
