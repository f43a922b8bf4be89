#include "backup/scrub.h"

#include <algorithm>
#include <cmath>

namespace vigie::backup {
namespace {

using std::chrono::days;
using std::chrono::hours;

constexpr Duration kNight = hours(8);
constexpr auto kNightBegins = hours(22);
constexpr auto kNightEnds = hours(6);

bool is_night(const platform::TimeZone& zone, SystemTime now) {
  const auto local = zone.to_local(now);
  const auto hour = local - std::chrono::floor<days>(local);
  return hour >= kNightBegins || hour < kNightEnds;
}

bool by_night(const ScrubCandidate& one) {
  return one.period >= days(2);
}

bool may_be_read(const ScrubCandidate& one, SystemTime now) {
  const SystemTime due = one.last_read + one.period;
  if (!by_night(one)) return due <= now;
  return due + days(1) <= now || (due <= now + days(1) && is_night(one.zone, now));
}

// How many fall due in a day on the average, and at least one.
double a_day(std::span<const ScrubCandidate> candidates) {
  double sum = 0;
  for (const ScrubCandidate& one : candidates)
    sum += to_seconds(Duration(days(1))) / to_seconds(one.period);
  return std::max(1.0, std::ceil(sum - 1e-6));  // sums of sevenths are not exact
}

}  // namespace

std::optional<BackupId> due_scrub(std::span<const ScrubCandidate> candidates, SystemTime now,
                                  const std::optional<SystemTime>& last_scrub) {
  const ScrubCandidate* next = nullptr;
  for (const ScrubCandidate& one : candidates) {
    if (!may_be_read(one, now)) continue;
    if (next == nullptr || one.last_read + one.period < next->last_read + next->period) next = &one;
  }
  if (next == nullptr) return std::nullopt;
  const Duration window = by_night(*next) ? kNight : Duration(days(1));
  const auto pause = std::chrono::duration_cast<Duration>(window / a_day(candidates));
  // A clock that went backwards does not stop the reading.
  const bool pausing = last_scrub && now >= *last_scrub && now - *last_scrub < pause;
  return pausing ? std::nullopt : std::optional(next->id);
}

}  // namespace vigie::backup
