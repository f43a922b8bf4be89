// IANA time zones from the system's /usr/share/zoneinfo, by date-tz. For schedules and for what a
// person reads; all that is stored is UTC. Rules are known as far as the compiled files reach
// (2037); after it the last offset stays.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace date {
class time_zone;
}

namespace vigie::platform {

using LocalTime = std::chrono::local_time<Duration>;

// What a wall clock's reading means. unique: `first` (and `second` is the same). overlap (the hour
// that comes twice): `first` and then `second`. gap (the hour that does not exist): both are the
// instant at which the clock jumps.
struct LocalMeaning {
  enum class Kind : unsigned char { unique, gap, overlap };
  Kind kind = Kind::unique;
  SystemTime first;
  SystemTime second;
};

// From `begin` until before `end` local time is UTC + offset.
struct OffsetSpan {
  SystemTime begin;
  SystemTime end;
  std::chrono::seconds offset{0};
};

// A value; cheap to copy. Thread-safe. Times are 1970 to 9999.
class TimeZone {
 public:
  TimeZone() = default;  // UTC, also on a host without zoneinfo
  // "Europe/Paris", "UTC". Errors: time_zone_unknown, with the nearest name (also when the host has
  // no zoneinfo).
  static Result<TimeZone> find(std::string_view name);

  const std::string& name() const { return name_; }
  LocalTime to_local(SystemTime time) const;
  LocalMeaning to_sys(LocalTime time) const;
  OffsetSpan span_at(SystemTime time) const;
  // "CET", "+03".
  std::string abbreviation(SystemTime time) const;

  bool operator==(const TimeZone&) const = default;

 private:
  TimeZone(std::string name, const date::time_zone* zone) : name_(std::move(name)), zone_(zone) {}
  std::string name_ = "UTC";
  const date::time_zone* zone_ = nullptr;  // lives as long as the process; null: UTC
};

}  // namespace vigie::platform
