// IANA time zones from the system's /usr/share/zoneinfo, by date-tz. For schedules and for what a
// person reads; all that is stored is UTC.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

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

// A value; cheap to copy. Thread-safe.
class TimeZone {
 public:
  // "Europe/Paris", "UTC". Errors: time_zone_unknown (also when the host has no zoneinfo).
  static Result<TimeZone> find(std::string_view name);

  const std::string& name() const { return name_; }
  LocalTime to_local(SystemTime time) const;
  LocalMeaning to_sys(LocalTime time) const;
  // "CET", "+03".
  std::string abbreviation(SystemTime time) const;

 private:
  TimeZone(std::string name, const date::time_zone* zone) : name_(std::move(name)), zone_(zone) {}
  std::string name_;
  const date::time_zone* zone_;  // lives as long as the process
};

}  // namespace vigie::platform
