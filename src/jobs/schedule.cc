#include "jobs/schedule.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

namespace vigie::jobs {
namespace {

using namespace std::chrono;
using platform::TimeZone;

// Leap days on a given weekday are at most 40 years apart (across 2100).
constexpr days kHorizon{366 * 50};
constexpr days kLongestPeriod{366};

struct Range {
  std::string_view field;
  int min;
  int max;
  std::span<const std::string_view> names;  // of min, min + 1, …
};

constexpr std::array<std::string_view, 12> kMonthNames{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 8> kDayNames{"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat", "sun"};

constexpr Range kMinute{"minute", 0, 59, {}};
constexpr Range kHour{"hour", 0, 23, {}};
constexpr Range kMonthDay{"day of month", 1, 31, {}};
constexpr Range kMonth{"month", 1, 12, kMonthNames};
constexpr Range kWeekDay{"day of week", 0, 7, kDayNames};

struct Macro {
  std::string_view name;
  std::string_view fields;
};
constexpr std::array<Macro, 7> kMacros{{{"@yearly", "0 0 1 1 *"},
                                        {"@annually", "0 0 1 1 *"},
                                        {"@monthly", "0 0 1 * *"},
                                        {"@weekly", "0 0 * * 0"},
                                        {"@daily", "0 0 * * *"},
                                        {"@midnight", "0 0 * * *"},
                                        {"@hourly", "0 * * * *"}}};

tl::unexpected<Error> invalid(std::string_view field, std::string expected) {
  return fail(ErrorCode::schedule_invalid,
              {{"field", std::string(field)}, {"expected", std::move(expected)}});
}

tl::unexpected<Error> invalid(const Range& range) {
  std::string expected = "numbers from " + std::to_string(range.min) + " to " +
                         std::to_string(range.max) + ", *, ranges a-b, steps /n, lists with commas";
  if (!range.names.empty()) expected += ", names such as " + std::string(range.names[1]);
  return invalid(range.field, std::move(expected));
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
}

std::optional<int> parse_number(std::string_view text) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped != end || text.front() == '-') return std::nullopt;
  return value;
}

std::optional<int> parse_value(const Range& range, std::string_view text) {
  for (size_t i = 0; i < range.names.size(); ++i) {
    if (equal_ignoring_case(text, range.names[i])) return range.min + static_cast<int>(i);
  }
  const auto value = parse_number(text);
  if (!value || *value < range.min || *value > range.max) return std::nullopt;
  return value;
}

struct Span {
  int first;
  int last;
};

// "*", "7", "7-9". A single value with a step ("5/15") goes on to the end, as in Debian's cron.
std::optional<Span> parse_span(const Range& range, std::string_view text, bool stepped) {
  if (text == "*") return Span{range.min, range.max};
  const size_t dash = text.find('-');
  const auto first = parse_value(range, text.substr(0, dash));
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) return Span{*first, stepped ? range.max : *first};
  const auto last = parse_value(range, text.substr(dash + 1));
  if (!last || *last < *first) return std::nullopt;
  return Span{*first, *last};
}

// One element of a list as bits; zero when it is not valid.
uint64_t parse_element(const Range& range, std::string_view text) {
  const size_t slash = text.find('/');
  const bool stepped = slash != std::string_view::npos;
  const auto step = stepped ? parse_number(text.substr(slash + 1)) : std::optional<int>(1);
  const auto span = parse_span(range, text.substr(0, slash), stepped);
  if (!span || !step || *step < 1 || *step > range.max) return 0;
  uint64_t bits = 0;
  for (int value = span->first; value <= span->last; value += *step) bits |= uint64_t{1} << value;
  return bits;
}

uint64_t parse_field(const Range& range, std::string_view text) {
  uint64_t bits = 0;
  while (true) {
    const size_t comma = text.find(',');
    const uint64_t element = parse_element(range, text.substr(0, comma));
    if (element == 0) return 0;
    bits |= element;
    if (comma == std::string_view::npos) return bits;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string_view> split_at_blanks(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return out;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

bool has(uint64_t bits, unsigned value) {
  return (bits >> value & 1) != 0;
}

// The lowest bit at or above `from`, or 64.
unsigned next_bit(uint64_t bits, unsigned from) {
  return from >= 64 ? 64U : static_cast<unsigned>(std::countr_zero(bits >> from << from));
}

// Of a number that is not zero.
int highest_bit(uint64_t bits) {
  return 63 - std::countl_zero(bits);
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view text) {
  constexpr std::string_view kEvery = "every ";
  Schedule schedule;
  schedule.text_ = std::string(text);
  if (text.starts_with(kEvery)) {
    const auto period = parse_duration(text.substr(kEvery.size()));
    if (!period || *period < seconds{1} || *period > kLongestPeriod || *period % seconds{1} != 0us)
      return invalid("every", "whole seconds from 1s to 366d, such as every 10m");
    schedule.every_ = *period;
    return schedule;
  }
  const auto macro = std::ranges::find(kMacros, text, &Macro::name);
  TRY(schedule.parse_cron(macro == kMacros.end() ? text : macro->fields));
  if (!schedule.next_match(local_days{year{2024} / 1 / 1}))
    return invalid("day of month", "a date that comes, in the months given");
  return schedule;
}

Result<> Schedule::parse_cron(std::string_view text) {
  const std::vector<std::string_view> fields = split_at_blanks(text);
  if (fields.size() != 5)
    return invalid("schedule",
                   "five fields (minute hour day month weekday), @hourly, @daily, @weekly, "
                   "@monthly, @yearly, or every 10m");
  const std::array<std::pair<const Range*, uint64_t*>, 5> targets{{{&kMinute, &minutes_},
                                                                   {&kHour, &hours_},
                                                                   {&kMonthDay, &month_days_},
                                                                   {&kMonth, &months_},
                                                                   {&kWeekDay, &week_days_}}};
  for (size_t i = 0; i < targets.size(); ++i) {
    *targets[i].second = parse_field(*targets[i].first, fields[i]);
    if (*targets[i].second == 0) return invalid(*targets[i].first);
  }
  if (has(week_days_, 7)) week_days_ |= 1;
  any_hour_ = fields[1].starts_with('*');
  any_month_day_ = fields[2].starts_with('*');
  any_week_day_ = fields[4].starts_with('*');
  return {};
}

bool Schedule::day_matches(local_days day) const {
  const year_month_day date{day};
  if (!has(months_, static_cast<unsigned>(date.month()))) return false;
  const bool month_day = has(month_days_, static_cast<unsigned>(date.day()));
  const bool week_day = has(week_days_, weekday{day}.c_encoding());
  return any_month_day_ || any_week_day_ ? month_day && week_day : month_day || week_day;
}

// The first minute on the wall, at or after `from`, that the fields match.
std::optional<Schedule::LocalMinutes> Schedule::next_match(LocalMinutes from) const {
  const auto last_day = floor<days>(from) + kHorizon;
  for (auto day = floor<days>(from); day <= last_day; day += days{1}) {
    if (!day_matches(day)) continue;
    const auto start = static_cast<unsigned>(std::max(from - day, minutes{0}).count());
    for (unsigned hour = next_bit(hours_, start / 60); hour < 24;
         hour = next_bit(hours_, hour + 1)) {
      const unsigned minute = next_bit(minutes_, hour == start / 60 ? start % 60 : 0);
      if (minute < 60) return day + hours{hour} + minutes{minute};
    }
  }
  return std::nullopt;
}

// Fixed hours. What the clock shows, in order, means instants in order, so the first match whose
// instant is later than `after` is the one; in the hour that comes twice, some are earlier.
std::optional<SystemTime> Schedule::next_on_wall(const TimeZone& zone, SystemTime after) const {
  LocalMinutes from = floor<minutes>(zone.to_local(after));
  while (const auto match = next_match(from)) {
    const SystemTime instant = zone.to_sys(*match).first;
    if (instant > after) return instant;
    from = *match + minutes{1};
  }
  return std::nullopt;
}

// Any hour. Between two changes of the offset local time runs evenly: search each stretch.
std::optional<SystemTime> Schedule::next_elapsed(const TimeZone& zone, SystemTime after) const {
  SystemTime from = after + Duration{1};
  while (from - after < kHorizon) {
    const platform::OffsetSpan span = zone.span_at(from);
    const auto local = platform::LocalTime(from.time_since_epoch() + span.offset);
    const auto match = next_match(ceil<minutes>(local));
    if (!match) return std::nullopt;
    const SystemTime instant(match->time_since_epoch() - span.offset);
    if (instant < span.end) return instant;
    from = span.end;
  }
  return std::nullopt;
}

SystemTime Schedule::next_period(SystemTime after) const {
  const Duration since_epoch = after.time_since_epoch();
  Duration periods = since_epoch / every_ * every_;
  if (since_epoch < periods) periods -= every_;
  return SystemTime(periods + every_);
}

std::optional<SystemTime> Schedule::next_after(const TimeZone& zone, SystemTime after) const {
  if (every_ != Duration{0}) return next_period(after);
  return any_hour_ ? next_elapsed(zone, after) : next_on_wall(zone, after);
}

std::optional<SystemTime> Schedule::last_of_even_day(const TimeZone& zone, SystemTime time) const {
  const platform::OffsetSpan span = zone.span_at(time);
  const auto day = floor<days>(zone.to_local(time));
  const SystemTime begin(day.time_since_epoch() - span.offset);
  if (every_ != Duration{0} || span.begin > begin || span.end < begin + days{1})
    return std::nullopt;
  return begin + hours{highest_bit(hours_)} + minutes{highest_bit(minutes_)};
}

std::vector<SystemTime> next_times(const Schedule& schedule, const TimeZone& zone, SystemTime after,
                                   size_t count) {
  std::vector<SystemTime> out;
  while (out.size() < count) {
    const auto next = schedule.next_after(zone, out.empty() ? after : out.back());
    if (!next) break;
    out.push_back(*next);
  }
  return out;
}

namespace {

// From one due time to the next. Days on which the clock is not changed are all alike within: the
// first is walked in full, of the others only the ends, else thirty years of minutes would take
// seconds.
class Walk {
 public:
  Walk(const Schedule& schedule, const TimeZone& zone, SystemTime first)
      : schedule_(schedule), zone_(zone), at_(first), day_(day_of(first)) {}

  SystemTime at() const { return at_; }
  const std::optional<Gaps>& found() const { return found_; }

  // False when there is no next one.
  bool step() {
    const auto next = schedule_.next_after(zone_, at_);
    if (!next) return false;
    const Duration gap = *next - at_;
    if (!found_) found_ = Gaps{gap, gap};
    found_->shortest = std::min(found_->shortest, gap);
    found_->longest = std::max(found_->longest, gap);
    at_ = *next;
    if (day_of(at_) != day_) enter_day();
    return true;
  }

 private:
  local_days day_of(SystemTime time) const { return floor<days>(zone_.to_local(time)); }
  void enter_day() {
    day_ = day_of(at_);
    const auto last = schedule_.last_of_even_day(zone_, at_);
    if (last && walked_one_) at_ = *last;
    walked_one_ = walked_one_ || last;
  }

  const Schedule& schedule_;
  const TimeZone& zone_;
  SystemTime at_;
  local_days day_;
  bool walked_one_ = false;
  std::optional<Gaps> found_;
};

}  // namespace

std::optional<Gaps> gaps(const Schedule& schedule, const TimeZone& zone, SystemTime from,
                         Duration within) {
  if (schedule.period() != Duration{0}) return Gaps{schedule.period(), schedule.period()};
  const auto first = schedule.next_after(zone, from);
  if (!first) return std::nullopt;
  Walk walk(schedule, zone, *first);
  while (walk.step() && walk.at() <= from + within) continue;
  return walk.found();
}

}  // namespace vigie::jobs
