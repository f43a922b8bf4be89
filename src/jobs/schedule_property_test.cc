// next_after against an oracle that is slow and obviously right: it looks at each minute in turn
// and asks only what the clock on the wall shows then.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <fmt/format.h>

#include <array>
#include <set>

#include "jobs/due_plan.h"
#include "jobs/schedule.h"

namespace vigie::jobs {
namespace {

using namespace std::chrono;
using platform::LocalTime;
using platform::TimeZone;

struct Field {
  std::string text;
  std::set<int> values;
  bool star = false;
};

struct Fields {
  Field minute, hour, day, month, week_day;
  std::string text() const {
    return fmt::format("{} {} {} {} {}", minute.text, hour.text, day.text, month.text,
                       week_day.text);
  }
};

void add(Field& field, std::string text, int first, int last, int step) {
  field.text += (field.text.empty() ? "" : ",") + text;
  for (int value = first; value <= last; value += step) field.values.insert(value);
}

Field any_field(int min, int max, bool mostly_star) {
  Field field;
  if (*rc::gen::inRange(0, 10) < (mostly_star ? 7 : 3)) {
    field.star = true;
    const int step = *rc::gen::inRange(1, 4);
    add(field, step == 1 ? "*" : fmt::format("*/{}", step), min, max, step);
    return field;
  }
  const int elements = *rc::gen::inRange(1, 4);
  for (int i = 0; i < elements; ++i) {
    const int first = *rc::gen::inRange(min, max + 1);
    const int last = *rc::gen::inRange(first, max + 1);
    const int step = *rc::gen::inRange(1, 5);
    if (*rc::gen::arbitrary<bool>())
      add(field, std::to_string(first), first, first, 1);
    else
      add(field, fmt::format("{}-{}/{}", first, last, step), first, last, step);
  }
  return field;
}

// Half of them at the hours at which clocks change.
Field any_hour() {
  if (*rc::gen::arbitrary<bool>()) return any_field(0, 23, false);
  const int first = *rc::gen::inRange(1, 4);
  Field field;
  add(field, std::to_string(first), first, first, 1);
  return field;
}

Fields any_fields() {
  return {any_field(0, 59, false), any_hour(), any_field(1, 31, true), any_field(1, 12, true),
          any_field(0, 7, true)};
}

bool matches(const Fields& f, LocalTime local) {
  const auto day = floor<days>(local);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<minutes>(local - day)};
  const int week_day = static_cast<int>(weekday{day}.c_encoding());
  const bool day_ok = f.day.values.contains(static_cast<int>(unsigned(date.day())));
  const bool week_ok =
      f.week_day.values.contains(week_day) || (week_day == 0 && f.week_day.values.contains(7));
  const bool either = !f.day.star && !f.week_day.star;
  return f.minute.values.contains(static_cast<int>(clock.minutes().count())) &&
         f.hour.values.contains(static_cast<int>(clock.hours().count())) &&
         f.month.values.contains(static_cast<int>(unsigned(date.month()))) &&
         (either ? day_ok || week_ok : day_ok && week_ok);
}

bool shown_before(const TimeZone& zone, SystemTime time) {
  const LocalTime shown = zone.to_local(time);
  for (int back = 1; back <= 180; ++back) {
    if (zone.to_local(time - minutes{back}) == shown) return true;
  }
  return false;
}

bool jumped_over_a_match(const Fields& fields, const TimeZone& zone, SystemTime time) {
  const LocalTime now = zone.to_local(time);
  for (LocalTime l = zone.to_local(time - minutes{1}) + minutes{1}; l < now; l += minutes{1}) {
    if (matches(fields, l)) return true;
  }
  return false;
}

bool is_due(const Fields& fields, const TimeZone& zone, SystemTime time) {
  const bool match = matches(fields, zone.to_local(time));
  if (fields.hour.star) return match;
  return (match && !shown_before(zone, time)) || jumped_over_a_match(fields, zone, time);
}

std::optional<SystemTime> oracle(const Fields& fields, const TimeZone& zone, SystemTime after,
                                 minutes horizon) {
  for (SystemTime t = floor<minutes>(after) + minutes{1}; t <= after + horizon; t += minutes{1}) {
    if (is_due(fields, zone, t)) return t;
  }
  return std::nullopt;
}

constexpr std::array<const char*, 6> kZones{"Europe/Paris",        "America/New_York",
                                            "Australia/Lord_Howe", "Asia/Kathmandu",
                                            "Antarctica/Troll",    "UTC"};

// Most of them near a change of the offset.
SystemTime any_time(const TimeZone& zone) {
  const SystemTime start = sys_days{year{2020} / 1 / 1};
  const SystemTime time = start + seconds{*rc::gen::inRange(0, 6 * 366 * 86'400)};
  const SystemTime change = zone.span_at(time).end;
  if (*rc::gen::inRange(0, 5) == 0 || change > start + days{3650}) return time;
  return change + seconds{*rc::gen::inRange(-4 * 3600, 4 * 3600)};
}

RC_GTEST_PROP(ScheduleProperty, NextAfterIsWhatTheSlowOracleFinds, ()) {
  const TimeZone zone = *TimeZone::find(*rc::gen::elementOf(kZones));
  const Fields fields = any_fields();
  const auto schedule = Schedule::parse(fields.text());
  RC_PRE(schedule.has_value());  // dates that never come are refused
  const SystemTime after = any_time(zone);
  RC_LOG() << fields.text() << " in " << zone.name() << " after " << format_rfc3339(after) << "\n";

  constexpr minutes kHorizon{2 * 24 * 60};
  auto found = schedule->next_after(zone, after);
  if (found && *found > after + kHorizon) found.reset();
  const auto expected = oracle(fields, zone, after, kHorizon);
  RC_LOG() << "found " << (found ? format_rfc3339(*found) : "nothing") << ", expected "
           << (expected ? format_rfc3339(*expected) : "nothing") << "\n";
  RC_ASSERT(found == expected);
}

RC_GTEST_PROP(ScheduleProperty, WhatIsDueIsWhatNextAfterGives, ()) {
  const TimeZone zone = *TimeZone::find(*rc::gen::elementOf(kZones));
  const auto schedule = Schedule::parse(any_fields().text());
  RC_PRE(schedule.has_value());
  ScheduledJob job;
  job.next = [&](SystemTime after) { return schedule->next_after(zone, after); };
  const SystemTime last = any_time(zone);
  const SystemTime now = last + seconds{*rc::gen::inRange(0, 86'400)};
  const DuePlan plan = plan_due(job, last, now);
  RC_PRE(!plan.older_left_out);
  std::vector<SystemTime> due = plan.down;
  if (plan.run) due.push_back(*plan.run);
  SystemTime from = last;
  for (const SystemTime time : due) {
    RC_ASSERT(schedule->next_after(zone, from) == time);
    from = time;
  }
  RC_ASSERT(plan.next == schedule->next_after(zone, from));
  RC_ASSERT(!plan.next || *plan.next > now);
}

RC_GTEST_PROP(ScheduleProperty, EveryRunsEvenlyInEveryZone, ()) {
  const int period = *rc::gen::inRange(1, 100'000);
  const auto schedule = Schedule::parse(fmt::format("every {}s", period));
  const TimeZone zone = *TimeZone::find(*rc::gen::elementOf(kZones));
  const SystemTime after = any_time(zone);
  const SystemTime first = *schedule->next_after(zone, after);
  RC_ASSERT(first > after && first <= after + seconds{period});
  RC_ASSERT(*schedule->next_after(zone, first) == first + seconds{period});
}

// Step by step, leaving nothing out.
std::optional<Gaps> slow_gaps(const Schedule& schedule, const TimeZone& zone, SystemTime from,
                              Duration within) {
  std::optional<Gaps> found;
  auto at = schedule.next_after(zone, from);
  while (at && (!found || *at <= from + within)) {
    const auto next = schedule.next_after(zone, *at);
    if (!next) break;
    const Duration gap = *next - *at;
    if (!found) found = Gaps{gap, gap};
    found = Gaps{std::min(found->shortest, gap), std::max(found->longest, gap)};
    at = next;
  }
  return found;
}

RC_GTEST_PROP(ScheduleProperty, GapsAreThoseOfEveryStep, ()) {
  const TimeZone zone = *TimeZone::find(*rc::gen::elementOf(kZones));
  const Fields fields = any_fields();
  const auto schedule = Schedule::parse(fields.text());
  RC_PRE(schedule.has_value());
  const SystemTime from = any_time(zone) - days{*rc::gen::inRange(0, 20)};
  RC_LOG() << fields.text() << " in " << zone.name() << " from " << format_rfc3339(from) << "\n";
  constexpr days kWithin{20};
  const auto found = gaps(*schedule, zone, from, kWithin);
  const auto expected = slow_gaps(*schedule, zone, from, kWithin);
  RC_ASSERT(found.has_value() == expected.has_value());
  if (!found) return;
  RC_ASSERT(found->shortest == expected->shortest);
  RC_ASSERT(found->longest == expected->longest);
}

}  // namespace
}  // namespace vigie::jobs
