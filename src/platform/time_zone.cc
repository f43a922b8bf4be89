#include "platform/time_zone.h"

// As Debian built the library: its classes have another layout without it.
#define USE_OS_TZDB 1
#define ONLY_C_LOCALE 1
#include <date/tz.h>

#include <algorithm>
#include <exception>

#include "base/encoding.h"
#include "base/nearest.h"

namespace vigie::platform {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

SystemTime clamped(date::sys_seconds time) {
  // The first and the last span reach beyond what microseconds in 64 bits can hold.
  constexpr seconds kFarthest{int64_t{9'000'000'000'000}};
  return SystemTime(std::clamp(time.time_since_epoch(), -kFarthest, kFarthest));
}

date::sys_info info_at(const date::time_zone& zone, SystemTime time) {
  return zone.get_info(floor<seconds>(time));
}

const date::tzdb* database() {
  try {
    return &date::get_tzdb();
  } catch (const std::exception&) {
    return nullptr;
  }
}

const date::time_zone* locate(std::string_view name) {
  try {
    return date::locate_zone(name);
  } catch (const std::exception&) {
    return nullptr;
  }
}

std::string nearest_zone(std::string_view name) {
  const date::tzdb* known = database();
  if (known == nullptr) return {};
  std::vector<std::string> names;
  names.reserve(known->zones.size());
  for (const date::time_zone& zone : known->zones) names.push_back(zone.name());
  return nearest_name(name, names);
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name) {
  if (name == "UTC") return TimeZone();
  const date::time_zone* zone = name.size() <= 64 ? locate(name) : nullptr;
  if (zone == nullptr)
    return fail(ErrorCode::time_zone_unknown,
                {{"name", printable(name, 64)}, {"nearest", nearest_zone(name)}});
  return TimeZone(std::string(name), zone);
}

LocalTime TimeZone::to_local(SystemTime time) const {
  return LocalTime(time.time_since_epoch() + span_at(time).offset);
}

LocalMeaning TimeZone::to_sys(LocalTime time) const {
  using Kind = LocalMeaning::Kind;
  const SystemTime as_utc(time.time_since_epoch());
  if (zone_ == nullptr) return {Kind::unique, as_utc, as_utc};
  const date::local_seconds whole(floor<seconds>(time).time_since_epoch());
  const date::local_info info = zone_->get_info(whole);
  const SystemTime first = as_utc - info.first.offset;
  if (info.result == date::local_info::unique) return {Kind::unique, first, first};
  if (info.result == date::local_info::ambiguous)
    return {Kind::overlap, first, as_utc - info.second.offset};
  const SystemTime jump = clamped(info.first.end);
  return {Kind::gap, jump, jump};
}

OffsetSpan TimeZone::span_at(SystemTime time) const {
  if (zone_ == nullptr)
    return {clamped(date::sys_seconds::min()), clamped(date::sys_seconds::max()), seconds{0}};
  const date::sys_info info = info_at(*zone_, time);
  return {clamped(info.begin), clamped(info.end), info.offset};
}

std::string TimeZone::abbreviation(SystemTime time) const {
  return zone_ == nullptr ? "UTC" : info_at(*zone_, time).abbrev;
}

}  // namespace vigie::platform
