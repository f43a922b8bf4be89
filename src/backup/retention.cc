#include "backup/retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

namespace vigie::backup {
namespace {

using namespace std::chrono;
using platform::TimeZone;

using Sorted = std::vector<const RetentionCandidate*>;  // newest first

// A stretch of time that keeps at most one artefact, under a name that tells it from every other
// of its kind and that a person can read.
using BucketFn = std::string (*)(SystemTime time, const TimeZone& zone);

local_days local_day(SystemTime time, const TimeZone& zone) {
  return floor<days>(zone.to_local(time));
}

std::string day_in_words(local_days day) {
  const year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

// With the offset, because an hour that comes twice is two hours.
std::string hour_of(SystemTime time, const TimeZone& zone) {
  const auto local = floor<hours>(zone.to_local(time));
  const auto hour = local - floor<days>(local);
  const auto offset = duration_cast<minutes>(zone.span_at(time).offset).count();
  return fmt::format("hour {}T{:02} (UTC{:+03}:{:02})", day_in_words(floor<days>(local)),
                     hour.count(), offset / 60, std::abs(offset % 60));
}

std::string day_of(SystemTime time, const TimeZone& zone) {
  return "day " + day_in_words(local_day(time, zone));
}

// ISO 8601: a week belongs to the year of its Thursday.
std::string week_of(SystemTime time, const TimeZone& zone) {
  const local_days day = local_day(time, zone);
  const local_days thursday = day - (weekday{day} - Monday) + days{3};
  const year iso_year = year_month_day{thursday}.year();
  const auto number = (thursday - local_days{iso_year / 1 / 1}).count() / 7 + 1;
  return fmt::format("week {:04}-W{:02}", static_cast<int>(iso_year), number);
}

std::string month_of(SystemTime time, const TimeZone& zone) {
  return "month " + day_in_words(local_day(time, zone)).substr(0, 7);
}

std::string year_of(SystemTime time, const TimeZone& zone) {
  return "year " + day_in_words(local_day(time, zone)).substr(0, 4);
}

Sorted newest_first(std::span<const RetentionCandidate> candidates) {
  Sorted out;
  for (const RetentionCandidate& candidate : candidates) out.push_back(&candidate);
  std::ranges::sort(out, [](const auto* a, const auto* b) {
    return std::tie(b->started_at, b->id) < std::tie(a->started_at, a->id);
  });
  return out;
}

void keep_newest(std::vector<RetentionDecision>& plan, int count, std::string_view words) {
  for (size_t i = 0; i < plan.size() && i < static_cast<size_t>(count); ++i)
    plan[i].reasons.push_back(fmt::format("{} {}", words, count));
}

void keep_newest_of_each(std::vector<RetentionDecision>& plan, const Sorted& sorted, int count,
                         BucketFn bucket, const TimeZone& zone) {
  std::set<std::string> seen;
  for (size_t i = 0; i < sorted.size() && seen.size() < static_cast<size_t>(count); ++i) {
    const std::string name = bucket(sorted[i]->started_at, zone);
    if (seen.insert(name).second) plan[i].reasons.push_back("newest of the " + name);
  }
}

void settle(RetentionDecision& decision, const RetentionCandidate& candidate) {
  for (const std::string& hold : candidate.holds) decision.reasons.push_back("held: " + hold);
  decision.keep = !decision.reasons.empty();
  if (!decision.keep) decision.reasons.emplace_back("no rule keeps it");
}

}  // namespace

std::vector<RetentionDecision> plan_retention(std::span<const RetentionCandidate> candidates,
                                              const RetentionOptions& options,
                                              const TimeZone& zone) {
  const Sorted sorted = newest_first(candidates);
  std::vector<RetentionDecision> plan;
  for (const RetentionCandidate* candidate : sorted) plan.push_back({candidate->id, true, {}});

  keep_newest(plan, options.keep_last, "one of the last");
  keep_newest_of_each(plan, sorted, options.hourly, hour_of, zone);
  keep_newest_of_each(plan, sorted, options.daily, day_of, zone);
  keep_newest_of_each(plan, sorted, options.weekly, week_of, zone);
  keep_newest_of_each(plan, sorted, options.monthly, month_of, zone);
  keep_newest_of_each(plan, sorted, options.yearly, year_of, zone);
  // At least the newest, whatever the options say: never the last good one.
  keep_newest(plan, std::max(options.min_good, 1), "never fewer good ones than");
  for (size_t i = 0; i < plan.size(); ++i) settle(plan[i], *sorted[i]);
  return plan;
}

std::vector<RetentionDecision> freeze(std::vector<RetentionDecision> plan,
                                      std::string_view reason) {
  for (RetentionDecision& decision : plan) {
    if (decision.keep) continue;
    decision.keep = true;
    decision.reasons = {fmt::format("nothing expires now: {}", reason)};
  }
  return plan;
}

std::string in_words(const RetentionOptions& options) {
  const std::array<std::pair<int, std::string_view>, 5> rules{{{options.hourly, "hourly"},
                                                               {options.daily, "daily"},
                                                               {options.weekly, "weekly"},
                                                               {options.monthly, "monthly"},
                                                               {options.yearly, "yearly"}}};
  std::string out = fmt::format("last {}", options.keep_last);
  for (const auto& [count, name] : rules) {
    if (count > 0) out += fmt::format(", {} {}", count, name);
  }
  return out + fmt::format(", at least {}", options.min_good);
}

}  // namespace vigie::backup
